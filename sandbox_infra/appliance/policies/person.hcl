# A person of the project: the project's secrets to read, their own to keep, its keys to use.
path "kv/data/project/*" {
  capabilities = ["read"]
}

path "kv/metadata/project/*" {
  capabilities = ["read", "list"]
}

path "kv/data/people/{{identity.entity.aliases.ACCESSOR.name}}/*" {
  capabilities = ["create", "read", "update", "delete"]
}

path "kv/metadata/people/{{identity.entity.aliases.ACCESSOR.name}}/*" {
  capabilities = ["read", "list", "delete"]
}

path "transit/encrypt/project" {
  capabilities = ["update"]
}

path "transit/decrypt/project" {
  capabilities = ["update"]
}

path "ssh/sign/person" {
  capabilities = ["update"]
}

path "sys/wrapping/wrap" {
  capabilities = ["update"]
}

path "auth/token/lookup-self" {
  capabilities = ["read"]
}

path "auth/token/revoke-self" {
  capabilities = ["update"]
}
