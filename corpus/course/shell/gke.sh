# a cluster without looking after machines
gcloud container clusters create-auto CLUSTER --region REGION
gcloud container clusters get-credentials CLUSTER --region REGION

# an image of our own
gcloud auth configure-docker REGION-docker.pkg.dev
docker tag my-app:1.0 REGION-docker.pkg.dev/PROJECT/REPO/my-app:1.0
docker push REGION-docker.pkg.dev/PROJECT/REPO/my-app:1.0

# run it and get an outside address
kubectl create deployment my-app --image=REGION-docker.pkg.dev/PROJECT/REPO/my-app:1.0
kubectl expose deployment my-app --type=LoadBalancer --port=80 --target-port=8080
kubectl get service my-app

# no more costs
gcloud container clusters delete CLUSTER --region REGION
