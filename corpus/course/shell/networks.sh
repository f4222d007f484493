# a network of our own
docker network create backend

# two containers that find each other by name
docker run -d --name db --network backend -e POSTGRES_PASSWORD=secret postgres:17
docker run --rm --network backend postgres:17 pg_isready -h db

# join another network as well
docker network create frontend
docker network connect frontend db

# who is on it
docker network inspect -f '{{range .Containers}}{{.Name}} {{end}}' backend
