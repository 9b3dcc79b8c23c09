# OpenBao of one project: integrated storage on the encrypted data volume, unsealed by a key on a
# volume of its own, every request and answer written to the audit log.
ui           = true
api_addr     = "https://vault.lab.internal:8200"
cluster_addr = "https://127.0.0.1:8201"

storage "raft" {
  path    = "/var/lib/appliance/openbao"
  node_id = "appliance"
}

listener "tcp" {
  address              = "0.0.0.0:8200"
  cluster_address      = "127.0.0.1:8201"
  tls_cert_file        = "/var/lib/seal/openbao/listener.pem"
  tls_key_file         = "/var/lib/seal/openbao/listener.key"
  tls_min_version      = "tls13"
  max_request_duration = "60s"
}

seal "static" {
  current_key_id = "first"
  current_key    = "file:///var/lib/seal/openbao/unseal.key"
}

audit "file" "main" {
  options {
    file_path = "/var/lib/appliance/openbao-audit/audit.log"
    mode      = "0600"
  }
}
