# a repository and a login
aws ecr create-repository --repository-name NAME --region REGION
aws ecr get-login-password --region REGION |
    docker login --username AWS --password-stdin ACCOUNT.dkr.ecr.REGION.amazonaws.com

# send the image
docker tag my-app:1.0 ACCOUNT.dkr.ecr.REGION.amazonaws.com/NAME:1.0
docker push ACCOUNT.dkr.ecr.REGION.amazonaws.com/NAME:1.0

# a cluster, something on it, and the end of the costs
eksctl create cluster --name CLUSTER --region REGION --nodes 2
kubectl create deployment NAME --image=ACCOUNT.dkr.ecr.REGION.amazonaws.com/NAME:1.0
kubectl get pods
eksctl delete cluster --name CLUSTER --region REGION
