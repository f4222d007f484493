# a registry with its data in a volume
docker run -d --name registry --restart unless-stopped \
    -p 127.0.0.1:5000:5000 -v registry-data:/var/lib/registry registry:3

# put an image into it
docker pull nginx
docker tag nginx localhost:5000/nginx:test
docker push localhost:5000/nginx:test

# what is in there
curl http://localhost:5000/v2/_catalog
curl http://localhost:5000/v2/nginx/tags/list
