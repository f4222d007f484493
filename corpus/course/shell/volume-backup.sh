# a volume with some data
docker volume create data
docker run --rm -v data:/data ubuntu:24.04 sh -c "echo hello > /data/file"

# backup: pack the volume into a file in the current folder
docker run --rm -v data:/data:ro -v "$PWD":/backup ubuntu:24.04 \
    tar czf /backup/data.tar.gz -C /data .

# restore into a new volume
docker volume create data2
docker run --rm -v data2:/data -v "$PWD":/backup ubuntu:24.04 \
    tar xzf /backup/data.tar.gz -C /data
