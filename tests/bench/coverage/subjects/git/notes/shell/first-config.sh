git config --global user.name "Jo Lindqvist"
git config --global user.email jo@home.example
# otherwise i land in vim and can not get out
git config --global core.editor nano
# new repos begin with main and not master
git config --global init.defaultBranch main
