# log in, name the image for the registry, send it
docker login -u USER
docker tag my-image:v1 USER/my-image:v1
docker push USER/my-image:v1

# fetch it on another machine
docker pull USER/my-image:v1
