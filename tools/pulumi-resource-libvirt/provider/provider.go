// Package provider maps terraform-provider-libvirt onto the published pulumi-libvirt SDK.
package provider

import (
	"context"
	"regexp"
	"strings"
	"sync"

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

var ownUUID = regexp.MustCompile(`<uuid>([0-9a-f-]{36})</uuid>`)

// runningIsDone adopts a domain that a killed run has started and not recorded. Its stylesheet
// names its UUID, which is derived from the project: a domain of somebody else has another one,
// and libvirt refuses to define ours over it.
func runningIsDone(domain *schema.Resource) {
	create, read := domain.CreateContext, domain.ReadContext
	domain.CreateContext = func(ctx context.Context, data *schema.ResourceData, meta interface{}) diag.Diagnostics {
		failed := create(ctx, data, meta)
		xslt, _ := data.Get("xml.0.xslt").(string)
		uuid := ownUUID.FindStringSubmatch(xslt)
		if !failed.HasError() || uuid == nil || !strings.Contains(failed[0].Summary, "domain is already running") {
			return failed
		}
		data.SetId(uuid[1])
		return read(ctx, data, meta)
	}
}

// oneAtATime serialises a resource's operations. Upstream shares one connection, and a stream
// (reading a cloud-init disk) that meets another request on it can block for ever.
func oneAtATime(resource *schema.Resource, turn *sync.Mutex) {
	create, read, update, remove := resource.CreateContext, resource.ReadContext, resource.UpdateContext, resource.DeleteContext
	locked := func(operation func(context.Context, *schema.ResourceData, interface{}) diag.Diagnostics) func(context.Context, *schema.ResourceData, interface{}) diag.Diagnostics {
		if operation == nil {
			return nil
		}
		return func(ctx context.Context, data *schema.ResourceData, meta interface{}) diag.Diagnostics {
			turn.Lock()
			defer turn.Unlock()
			return operation(ctx, data, meta)
		}
	}
	resource.CreateContext, resource.ReadContext = locked(create), locked(read)
	resource.DeleteContext = locked(remove)
	if update != nil {
		resource.UpdateContext = locked(update)
	}
}

// seedIsNotRead leaves a cloud-init disk as it was written. Upstream downloads it to compare, and
// stops in the middle: what the server still sends then blocks the one connection for ever. A
// seed is replaced, never changed.
func seedIsNotRead(seed *schema.Resource) {
	seed.ReadContext = func(context.Context, *schema.ResourceData, interface{}) diag.Diagnostics { return nil }
	remove := seed.DeleteContext
	seed.DeleteContext = func(ctx context.Context, data *schema.ResourceData, meta interface{}) diag.Diagnostics {
		failed := remove(ctx, data, meta)
		if failed.HasError() && strings.Contains(failed[0].Summary, "not found") {
			return nil
		}
		return failed
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
	runningIsDone(upstream.ResourcesMap["libvirt_domain"])
	seedIsNotRead(upstream.ResourcesMap["libvirt_cloudinit_disk"])
	turn := &sync.Mutex{}
	for _, resource := range upstream.ResourcesMap {
		oneAtATime(resource, turn)
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
