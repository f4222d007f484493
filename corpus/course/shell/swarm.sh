# one-node swarm for trying out
docker swarm init
docker node ls

# three copies, then five
docker service create --name web --replicas 3 -p 80:80 nginx
docker service scale web=5
docker service ps web

# tidy up
docker service rm web
docker swarm leave --force
