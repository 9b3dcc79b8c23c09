// Command schema writes the provider's schema.json; the provider embeds it.
package main

import (
	"sandbox-infra/tools/pulumi-resource-libvirt/provider"

	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfgen"
)

func main() {
	tfgen.Main(provider.Name, provider.Version, provider.Info())
}
