// Package provider maps terraform-provider-libvirt onto the published pulumi-libvirt SDK.
package provider

import (
	"context"

	"github.com/dmacvicar/terraform-provider-libvirt/libvirt"
	"github.com/hashicorp/terraform-plugin-sdk/v2/diag"
	"github.com/hashicorp/terraform-plugin-sdk/v2/helper/schema"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge/tokens"
	shimv2 "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfshim/sdk-v2"
)

// Name and Version are those of the Python SDK that talks to this provider.
const (
	Name    = "libvirt"
	Version = "0.5.4"
)

// deletedIsDone lets the deletion of a resource that is gone already succeed. The provider
// refuses it, and a run that was killed between deleting and recording could never be finished.
func deletedIsDone(resource *schema.Resource) {
	read, remove := resource.ReadContext, resource.DeleteContext
	resource.DeleteContext = func(ctx context.Context, data *schema.ResourceData, meta interface{}) diag.Diagnostics {
		id := data.Id()
		if found := read(ctx, data, meta); !found.HasError() && data.Id() == "" {
			return nil
		}
		data.SetId(id)
		return remove(ctx, data, meta)
	}
}

// Info describes the bridged provider.
func Info() tfbridge.ProviderInfo {
	upstream := libvirt.Provider()
	for _, resource := range upstream.ResourcesMap {
		if resource.ReadContext != nil && resource.DeleteContext != nil {
			deletedIsDone(resource)
		}
	}
	info := tfbridge.ProviderInfo{
		P:         shimv2.NewProvider(upstream),
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
