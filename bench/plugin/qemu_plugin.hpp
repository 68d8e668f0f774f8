// What of QEMU's interface for plugins is used here, declared anew: Debian has no header of it.  Version 4,
// which QEMU has since 9.2 and still loads; a library that asks for more than QEMU has is refused by it.
#pragma once

#include <stddef.h>
#include <stdint.h>

extern "C" {

struct qemu_plugin_tb;
struct qemu_plugin_insn;
struct qemu_plugin_scoreboard;
struct qemu_info_t;

struct qemu_plugin_u64 {  // a counter of each hart
    qemu_plugin_scoreboard* score;
    size_t offset;
};

using qemu_plugin_id_t = uint64_t;
using qemu_plugin_tb_callback = void (*)(qemu_plugin_id_t, qemu_plugin_tb*);
using qemu_plugin_insn_callback = void (*)(unsigned hart, void* argument);

enum qemu_plugin_op { QEMU_PLUGIN_INLINE_ADD_U64 };
enum qemu_plugin_cb_flags { QEMU_PLUGIN_CB_NO_REGS };

void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t, qemu_plugin_tb_callback);
size_t qemu_plugin_tb_n_insns(qemu_plugin_tb const*);
qemu_plugin_insn* qemu_plugin_tb_get_insn(qemu_plugin_tb const*, size_t index);
size_t qemu_plugin_insn_size(qemu_plugin_insn const*);
size_t qemu_plugin_insn_data(qemu_plugin_insn const*, void* to, size_t bytes);
uint64_t qemu_plugin_insn_vaddr(qemu_plugin_insn const*);
void* qemu_plugin_insn_haddr(qemu_plugin_insn const*);  // where it lies in QEMU itself; none: in a device
void qemu_plugin_register_vcpu_insn_exec_cb(qemu_plugin_insn*, qemu_plugin_insn_callback,
                                            qemu_plugin_cb_flags, void* argument);
void qemu_plugin_register_vcpu_insn_exec_inline_per_vcpu(qemu_plugin_insn*, qemu_plugin_op, qemu_plugin_u64,
                                                         uint64_t operand);
qemu_plugin_scoreboard* qemu_plugin_scoreboard_new(size_t bytes);
uint64_t qemu_plugin_u64_get(qemu_plugin_u64, unsigned hart);
uint64_t qemu_plugin_u64_sum(qemu_plugin_u64);  // of all harts
void qemu_plugin_outs(char const* text);

[[gnu::visibility("default")]] extern int qemu_plugin_version;
[[gnu::visibility("default")]] int qemu_plugin_install(qemu_plugin_id_t, qemu_info_t const*, int count,
                                                       char** words);
}
