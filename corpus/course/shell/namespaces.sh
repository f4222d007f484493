# bridges and virtual cables, seen from the host
ip link show type bridge
ip link show type veth

# look into the network namespace of a container, with the host's tools
PID=$(docker inspect -f '{{.State.Pid}}' CONTAINER)
sudo nsenter -t "$PID" -n ip addr

# NAT rules for published ports
sudo iptables -t nat -L -n
