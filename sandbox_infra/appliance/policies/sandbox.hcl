# The sandbox machine: its own certificate, and those of the people who work in it.
path "pki/issue/sandbox" {
  capabilities = ["update"]
}

path "pki/issue/person" {
  capabilities = ["update"]
}
