;; higress-properties: lets plugins read `route_name` and `cluster_name` in a stock Envoy.
;;
;; Higress's Envoy has these two properties, and the SDKs' matchers read them; a stock Envoy has the same two as
;; `xds.route_name` and `xds.cluster_name`. A property that a plugin sets can be read by the plugins after it, so this one
;; stands first in the chain and copies them for each request.
(module
  (import "env" "proxy_get_property"
    (func $get_property (param $path i32) (param $path_size i32) (param $data i32) (param $size i32) (result i32)))
  (import "env" "proxy_set_property"
    (func $set_property (param $path i32) (param $path_size i32) (param $data i32) (param $size i32) (result i32)))

  ;; Bytes 0 to 7 receive what `get_property` answers: pointer, then length. A zero byte parts the steps of a path.
  (memory (export "memory") 1)
  (data (i32.const 16) "xds\00route_name")
  (data (i32.const 32) "xds\00cluster_name")

  (global $free (mut i32) (i32.const 1024))

  (func (export "proxy_abi_version_0_2_1"))

  (func (export "malloc") (param $size i32) (result i32)
    (local $at i32)
    (local.set $at (global.get $free))
    (global.set $free (i32.add (local.get $at) (local.get $size)))
    (local.get $at))

  ;; Nothing is kept from one request to the next, so each begins with all memory free.
  (func (export "proxy_on_request_headers") (param $context i32) (param $headers i32) (param $end i32) (result i32)
    (global.set $free (i32.const 1024))
    (call $copy (i32.const 16) (i32.const 14))
    (call $copy (i32.const 32) (i32.const 16))
    (i32.const 0))

  ;; Sets the property of the path's last step to the one of the whole path, if there is one.
  (func $copy (param $path i32) (param $path_size i32)
    (if (call $get_property (local.get $path) (local.get $path_size) (i32.const 0) (i32.const 4))
      (then (return)))
    ;; Without `xds` and the zero byte.
    (drop (call $set_property
      (i32.add (local.get $path) (i32.const 4)) (i32.sub (local.get $path_size) (i32.const 4))
      (i32.load (i32.const 0)) (i32.load (i32.const 4))))))
