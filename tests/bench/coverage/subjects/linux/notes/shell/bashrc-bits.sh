# my own programs first
export PATH="$HOME/bin:$PATH"
alias ll='ls -alh'
# longer memory
HISTSIZE=5000
# make a folder and go in
mkcd() { mkdir -p "$1" && cd "$1"; }
