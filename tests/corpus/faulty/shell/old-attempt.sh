if docker ps; then
  echo running
done
