# a shell in a fresh system
docker run -it ubuntu bash

# the same, gone when it ends
docker run --rm -it ubuntu bash
