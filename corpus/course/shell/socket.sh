# a docker client in a container, talking to the daemon of the host
docker run --rm -v /var/run/docker.sock:/var/run/docker.sock docker:cli docker ps

# the same question without the client
curl --unix-socket /var/run/docker.sock http://localhost/containers/json
