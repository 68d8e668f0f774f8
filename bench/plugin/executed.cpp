// A plugin for QEMU: writes down which instructions of the hypervisor's image (`image=BYTES` of RAM, from
// `from=BYTES` behind its start) a machine comes to, each once, as `block OFFSET BYTES`.  It uses no library:
// QEMU may have one of its own.
#include "bench/plugin/line.hpp"
#include "bench/plugin/qemu_plugin.hpp"

extern "C" {
int qemu_plugin_version = 4;
}

namespace {

constexpr uint64_t ram_start = 0x8000'0000;  // where virt's firmware starts, untranslated
constexpr uint64_t most_bytes = uint64_t{1} << 20;

struct State {
    uint64_t ram = 0;  // in QEMU itself
    uint64_t from = 0, bytes = 0;
    // One bit for each place where an instruction may start.  QEMU translates on several threads; what two of
    // them come to at once is written down twice.
    uint8_t seen[most_bytes / 16]{};
};
State state;

bool is_new(uint64_t offset) {
    auto& byte = state.seen[offset / 16];
    auto const bit = static_cast<uint8_t>(1 << (offset / 2 % 8));
    bool const fresh = (__atomic_fetch_or(&byte, bit, __ATOMIC_RELAXED) & bit) == 0;
    return fresh;
}

// What is translated is executed next, but for what lies behind an instruction that traps.
void translate(qemu_plugin_id_t, qemu_plugin_tb* block) {
    auto const count = qemu_plugin_tb_n_insns(block);
    uint64_t first = 0, end = 0;
    bool fresh = false;
    for (size_t i = 0; i < count; ++i) {
        auto const* const one = qemu_plugin_tb_get_insn(block, i);
        auto const at = reinterpret_cast<uint64_t>(qemu_plugin_insn_haddr(one));
        if (state.ram == 0 && qemu_plugin_insn_vaddr(one) == ram_start) state.ram = at;
        auto const offset = at - state.ram - state.from;
        if (state.ram == 0 || at == 0 || offset >= state.bytes) return;
        if (i == 0) first = offset;
        end = offset + qemu_plugin_insn_size(one);
        if (is_new(offset)) fresh = true;
    }
    if (!fresh) return;
    antler::plugin::Line line;
    line.add("block ");
    line.add(first);
    line.add(" ");
    line.add(end - first);
    line.add("\n");
    qemu_plugin_outs(line.text());
}

}  // namespace

int qemu_plugin_install(qemu_plugin_id_t id, qemu_info_t const*, int count, char** words) {
    for (int i = 0; i < count; ++i) {
        if (auto const from = antler::plugin::number_behind(words[i], "from="); from != 0) state.from = from;
        if (auto const bytes = antler::plugin::number_behind(words[i], "image="); bytes != 0)
            state.bytes = bytes;
    }
    qemu_plugin_register_vcpu_tb_trans_cb(id, translate);
    return state.bytes == 0 || state.bytes > most_bytes ? -1 : 0;
}
