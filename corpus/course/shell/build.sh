# build and run
docker build -t my-app:1.0 .
docker run --rm my-app:1.0

# everything anew, with the newest base
docker build --pull --no-cache -t my-app:1.0 .

# for two kinds of processor, straight to the registry
docker buildx create --name multi --use
docker buildx build --platform linux/amd64,linux/arm64 -t USER/my-app:1.0 --push .
