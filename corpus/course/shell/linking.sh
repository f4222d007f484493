# old style, default bridge only
docker run -d --name olddb -e SECRET=abc redis
docker run --rm --link olddb:db redis redis-cli -h db ping

# the variables of the linked container leak into the new one
docker run --rm --link olddb:db ubuntu:24.04 env
