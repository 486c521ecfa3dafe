// Command go-witness is a proxy-wasm plugin written against Higress's Go SDK. It tells which of its configurations the
// SDK chose for a request, and which plugins the request has passed: it appends its name to the request's `x-order`, and
// adds `x-chosen: <name> <configuration>` to the response. Where the SDK chooses none, it is not called and tells nothing.
package main

import (
	"strings"

	"github.com/higress-group/proxy-wasm-go-sdk/proxywasm"
	"github.com/higress-group/proxy-wasm-go-sdk/proxywasm/types"
	"github.com/higress-group/wasm-go/pkg/wrapper"
	"github.com/tidwall/gjson"
)

const (
	order  = "x-order"
	chosen = "x-chosen"
)

type config struct {
	json string
}

func main() {}

func init() {
	wrapper.SetCtx(
		"go-witness",
		wrapper.ParseConfig(parse),
		wrapper.ProcessRequestHeaders(request),
		wrapper.ProcessResponseHeaders(response),
	)
}

// parse keeps everything but what is the SDK's own: `_rules_` and the match keys.
func parse(json gjson.Result, config *config) error {
	var members []string
	json.ForEach(func(key, value gjson.Result) bool {
		if !strings.HasPrefix(key.String(), "_") {
			members = append(members, key.Raw+":"+value.Raw)
		}
		return true
	})
	config.json = "{" + strings.Join(members, ",") + "}"
	return nil
}

func request(_ wrapper.HttpContext, _ config) types.Action {
	passed := name()
	if before, err := proxywasm.GetHttpRequestHeader(order); err == nil {
		passed = before + " " + passed
	}
	if err := proxywasm.ReplaceHttpRequestHeader(order, passed); err != nil {
		proxywasm.LogErrorf("cannot set `%s`: %v", order, err)
	}
	return types.ActionContinue
}

func response(_ wrapper.HttpContext, config config) types.Action {
	if err := proxywasm.AddHttpResponseHeader(chosen, name()+" "+config.json); err != nil {
		proxywasm.LogErrorf("cannot add `%s`: %v", chosen, err)
	}
	return types.ActionContinue
}

// name is what the gateway calls the plugin, as the module is the same for all plugins of the chain.
func name() string {
	name, err := proxywasm.GetProperty([]string{"plugin_name"})
	if err != nil {
		proxywasm.LogErrorf("cannot read the plugin's name: %v", err)
	}
	return string(name)
}
