# fetch the script and look at it before running anything
curl -fsSL https://get.docker.com -o get-docker.sh
less get-docker.sh

# show what it would do
sh get-docker.sh --dry-run

# do it
sudo sh get-docker.sh

# use docker without sudo from the next login on
sudo usermod -aG docker "$USER"
