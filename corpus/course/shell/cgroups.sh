# a container with limits
ID=$(docker run -d --memory 256m --cpus 0.5 nginx)

# its limits as the kernel has them (cgroup v2, systemd)
cat "/sys/fs/cgroup/system.slice/docker-$ID.scope/memory.max"
cat "/sys/fs/cgroup/system.slice/docker-$ID.scope/cpu.max"

# its main process on the host, and the namespaces of that
PID=$(docker inspect -f '{{.State.Pid}}' "$ID")
sudo ls -l "/proc/$PID/ns"
