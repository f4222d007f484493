# start the server
server start --port 8080
server wait   # [1]
