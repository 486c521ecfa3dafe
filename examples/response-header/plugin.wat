;; response-header: adds `x-hello: <value>` to every response.
;;
;; Written by hand against proxy-wasm ABI 0.2.1, with no SDK and no toolchain, to show all that a gateway needs:
;; a memory, an allocator, the ABI version, and the callbacks of interest.
(module
  ;; Host functions. Each answers 0 for success. Buffers are handed over as a pointer and a length that the host writes
  ;; to two addresses of ours, into memory that it asks our `malloc` for.
  (import "env" "proxy_get_buffer_bytes"
    (func $get_buffer_bytes (param $buffer i32) (param $start i32) (param $length i32) (param $data i32) (param $size i32)
      (result i32)))
  (import "env" "proxy_add_header_map_value"
    (func $add_header (param $map i32) (param $key i32) (param $key_size i32) (param $value i32) (param $value_size i32)
      (result i32)))
  (import "env" "proxy_log"
    (func $log (param $level i32) (param $message i32) (param $size i32) (result i32)))

  ;; Bytes 0 to 7 receive what `get_buffer_bytes` answers: pointer, then length.
  (memory (export "memory") 1)
  (data (i32.const 16) "x-hello")
  (data (i32.const 32) "hello")
  (data (i32.const 48) "\"value\"")
  (data (i32.const 64) "response-header: `value` is not a plain text in quotes")

  ;; The value to add. It belongs to the whole VM: two plugin configurations that share a VM share it too.
  (global $value (mut i32) (i32.const 32))
  (global $value_size (mut i32) (i32.const 5))

  ;; Where free memory begins. Nothing is ever given back: the host allocates once for each configuration only.
  (global $free (mut i32) (i32.const 1024))

  ;; Says which ABI the module speaks. It is never called.
  (func (export "proxy_abi_version_0_2_1"))

  (func (export "malloc") (param $size i32) (result i32)
    (local $at i32)
    (local.set $at (global.get $free))
    ;; The next address divisible by 8.
    (global.set $free
      (i32.and (i32.add (i32.add (local.get $at) (local.get $size)) (i32.const 7)) (i32.const -8)))
    (if (i32.gt_u (global.get $free) (i32.shl (memory.size) (i32.const 16)))
      (then
        (drop (memory.grow (i32.add (i32.shr_u (local.get $size) (i32.const 16)) (i32.const 1))))))
    (local.get $at))

  ;; A new configuration of `$size` bytes; 1 accepts it, 0 makes the gateway refuse it.
  (func (export "proxy_on_configure") (param $context i32) (param $size i32) (result i32)
    (global.set $value (i32.const 32))
    (global.set $value_size (i32.const 5))
    (if (i32.eqz (local.get $size)) (then (return (i32.const 1))))
    ;; Buffer 7 is the plugin's configuration.
    (if (call $get_buffer_bytes (i32.const 7) (i32.const 0) (local.get $size) (i32.const 0) (i32.const 4))
      (then (return (i32.const 0))))
    (if (call $read_value
          (i32.load (i32.const 0))
          (i32.add (i32.load (i32.const 0)) (i32.load (i32.const 4))))
      (then (return (i32.const 1))))
    ;; Level 4 is "error".
    (drop (call $log (i32.const 4) (i32.const 64) (i32.const 54)))
    (i32.const 0))

  ;; Response headers have come; 0 lets the response go on.
  (func (export "proxy_on_response_headers") (param $context i32) (param $headers i32) (param $end i32) (result i32)
    ;; Map 2 is the response's headers.
    (drop (call $add_header
      (i32.const 2) (i32.const 16) (i32.const 7) (global.get $value) (global.get $value_size)))
    (i32.const 0))

  ;; Looks for `"value"` in the JSON text from `$at` to `$end` and keeps the text after it, which must be in quotes and
  ;; without escapes. 1 for found or absent, 0 for anything else.
  (func $read_value (param $at i32) (param $end i32) (result i32)
    (block $absent
      (loop $search
        (br_if $absent (i32.gt_u (i32.add (local.get $at) (i32.const 7)) (local.get $end)))
        ;; Seven bytes are compared as two overlapping words of four.
        (if (i32.and
              (i32.eq (i32.load (local.get $at)) (i32.load (i32.const 48)))
              (i32.eq (i32.load (i32.add (local.get $at) (i32.const 3))) (i32.load (i32.const 51))))
          (then
            (return (call $read_text (i32.add (local.get $at) (i32.const 7)) (local.get $end)))))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (br $search)))
    (i32.const 1))

  ;; Reads `: "text"` and keeps the text.
  (func $read_text (param $at i32) (param $end i32) (result i32)
    (local $byte i32)
    (local $start i32)
    ;; Blanks and the colon.
    (loop $skip
      (if (i32.ge_u (local.get $at) (local.get $end)) (then (return (i32.const 0))))
      (local.set $byte (i32.load8_u (local.get $at)))
      (local.set $at (i32.add (local.get $at) (i32.const 1)))
      (br_if $skip (i32.or
        (i32.le_u (local.get $byte) (i32.const 0x20))
        (i32.eq (local.get $byte) (i32.const 0x3a)))))
    (if (i32.ne (local.get $byte) (i32.const 0x22)) (then (return (i32.const 0))))
    (local.set $start (local.get $at))
    ;; The text, up to the closing quote; a backslash is more than this example understands.
    (loop $text
      (if (i32.ge_u (local.get $at) (local.get $end)) (then (return (i32.const 0))))
      (local.set $byte (i32.load8_u (local.get $at)))
      (if (i32.eq (local.get $byte) (i32.const 0x5c)) (then (return (i32.const 0))))
      (if (i32.ne (local.get $byte) (i32.const 0x22))
        (then
          (local.set $at (i32.add (local.get $at) (i32.const 1)))
          (br $text))))
    (global.set $value (local.get $start))
    (global.set $value_size (i32.sub (local.get $at) (local.get $start)))
    (i32.const 1)))
