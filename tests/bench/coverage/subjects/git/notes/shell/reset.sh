# label back, the changes stay staged
git reset --soft HEAD~1
# default: changes stay in the files but not staged
git reset --mixed HEAD~1
# all gone, also uncommited edits in tracked files!
git reset --hard HEAD~1
