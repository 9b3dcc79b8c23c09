# The appliance itself: its own certificate, and short-lived tokens for the operator.
path "pki/issue/appliance" {
  capabilities = ["update"]
}

path "auth/token/create/operator" {
  capabilities = ["update"]
}
