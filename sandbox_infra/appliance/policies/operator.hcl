# The platform team, for ten minutes at a time: enrol machines, know people, place secrets. It
# reads nobody's secrets: what it writes it cannot read back.
path "auth/approle/role/sandbox/role-id" {
  capabilities = ["read"]
}

path "auth/approle/role/appliance/role-id" {
  capabilities = ["read"]
}

path "auth/approle/role/sandbox/secret-id" {
  capabilities     = ["update"]
  min_wrapping_ttl = "1m"
  max_wrapping_ttl = "30m"
}

path "auth/approle/role/appliance/secret-id" {
  capabilities     = ["update"]
  min_wrapping_ttl = "1m"
  max_wrapping_ttl = "30m"
}

path "pki/roles/person" {
  capabilities = ["read", "update"]
}

path "auth/cert/certs/person" {
  capabilities = ["read", "update"]
}

path "ssh/roles/person" {
  capabilities = ["read", "update"]
}

path "kv/data/project/*" {
  capabilities = ["create", "update"]
}

path "ssh/config/ca" {
  capabilities = ["read"]
}

# Recovery: three holders of recovery keys make a root token; the operator alone gets nothing.
path "sys/generate-root-token/*" {
  capabilities = ["read", "update"]
}
