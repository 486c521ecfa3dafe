// Command go-stamp is a proxy-wasm plugin written against Higress's Go SDK. It adds one response header, whose name
// and value come from the plugin's configuration, so that a test can see in the data plane that it really runs.
package main

import (
	"errors"

	"github.com/higress-group/proxy-wasm-go-sdk/proxywasm"
	"github.com/higress-group/proxy-wasm-go-sdk/proxywasm/types"
	"github.com/higress-group/wasm-go/pkg/wrapper"
	"github.com/tidwall/gjson"
)

type stamp struct {
	header string
	value  string
}

func main() {}

func init() {
	wrapper.SetCtx(
		"go-stamp",
		wrapper.ParseConfig(parse),
		wrapper.ProcessResponseHeaders(apply),
	)
}

func parse(json gjson.Result, config *stamp) error {
	config.header = json.Get("header").String()
	config.value = json.Get("value").String()
	if config.header == "" {
		return errors.New("the configuration needs a `header`")
	}
	return nil
}

func apply(_ wrapper.HttpContext, config stamp) types.Action {
	if err := proxywasm.AddHttpResponseHeader(config.header, config.value); err != nil {
		proxywasm.LogErrorf("cannot add `%s`: %v", config.header, err)
	}
	return types.ActionContinue
}
