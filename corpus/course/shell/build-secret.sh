# the Dockerfile contains:
#   RUN --mount=type=secret,id=token ./fetch.sh /run/secrets/token
docker build --secret id=token,src=token.txt -t my-app .

# the secret may come from a variable, too
docker build --secret id=token,env=TOKEN -t my-app .

# check that nothing is left
docker history --no-trunc my-app
