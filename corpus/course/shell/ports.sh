# fixed host port
docker run -d --name fixed -p 8080:80 nginx
curl http://localhost:8080

# random host port; ask which one it got
docker run -d --name random -p 80 nginx
docker port random

# everything that the image exposes
docker run -d --name all -P nginx
docker port all 80

# only for this machine
docker run -d --name private -p 127.0.0.1:8081:80 nginx
