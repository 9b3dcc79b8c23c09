// Package provider maps terraform-provider-libvirt onto the published pulumi-libvirt SDK.
package provider

import (
	"github.com/dmacvicar/terraform-provider-libvirt/libvirt"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge/tokens"
	shimv2 "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfshim/sdk-v2"
)

// Name and Version are those of the Python SDK that talks to this provider.
const (
	Name    = "libvirt"
	Version = "0.5.4"
)

// Info describes the bridged provider.
func Info() tfbridge.ProviderInfo {
	info := tfbridge.ProviderInfo{
		P:         shimv2.NewProvider(libvirt.Provider()),
		Name:      Name,
		Version:   Version,
		GitHubOrg: "dmacvicar",
		Resources: map[string]*tfbridge.ResourceInfo{
			// The SDK spells this token differently from the rule below.
			"libvirt_cloudinit_disk": {Tok: tfbridge.MakeResource(Name, "index", "CloudInitDisk")},
		},
	}
	info.MustComputeTokens(tokens.SingleModule("libvirt_", "index", tokens.MakeStandard(Name)))
	return info
}
