// Command pulumi-resource-libvirt is the libvirt provider plugin of Pulumi.
package main

import (
	_ "embed"

	"sandbox-infra/tools/pulumi-resource-libvirt/provider"

	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"
)

//go:embed schema.json
var schema []byte

func main() {
	tfbridge.Main(provider.Name, provider.Version, provider.Info(), schema)
}
