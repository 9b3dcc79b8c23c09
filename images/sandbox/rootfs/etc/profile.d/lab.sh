# What people's shells know about the project's services.
PATH=/opt/lab/bin:$PATH
set -a
. /etc/lab/people.env
MLFLOW_TRACKING_CLIENT_CERT_PATH=$HOME/.lab/client.pem
VAULT_CLIENT_CERT=$HOME/.lab/client.pem
VAULT_CLIENT_KEY=$HOME/.lab/client.pem
set +a
