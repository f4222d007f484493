# a shell in a new container; leave with exit
docker run -it --name first ubuntu:24.04 bash

# it is stopped now, but still there
docker ps -a

# go on in the same container
docker start -ai first

# a second container from the same image knows nothing of the first
docker run --rm ubuntu:24.04 ls /root
