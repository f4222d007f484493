# in the background, with a name, a variable and limits
docker run -d --name web -e MODE=test --memory 256m --cpus 0.5 nginx

# a shell next to the main process
docker exec -it web bash

# how much does it use right now
docker stats --no-stream web

# exit code of a finished container
docker run --name fails ubuntu:24.04 sh -c "exit 3"
docker inspect -f '{{.State.ExitCode}}' fails
