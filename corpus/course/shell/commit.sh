# change something in a container
docker run --name work ubuntu:24.04 touch /important.txt

# see what changed
docker diff work

# freeze it into an image
docker commit -m "with important file" work my-image:v1

# use the new image
docker run --rm my-image:v1 ls -l /important.txt
