# one line a commit, with the branch picture
git log --oneline --graph --all
# everything that touched one file, also from before it was renamed
git log --follow -p src/app.py
# one person, lately
git log --author="Ana" --since="2 weeks ago"
# search in the messages
git log --grep="login"
