// A plugin for QEMU: counts the instructions that each hart retires, apart by whether they lie in the memory
// of firmware and hypervisor (`outside=BYTES` of RAM from its start) or in a guest's, and says both whenever
// a guest marks a place by `slti x0, x0, N`, which does nothing.  It uses no library: QEMU may have one of
// its own.
#include "bench/plugin/line.hpp"
#include "bench/plugin/qemu_plugin.hpp"

extern "C" {
int qemu_plugin_version = 4;
}

namespace {

constexpr uint64_t ram_start = 0x8000'0000;  // where virt's firmware starts, untranslated
constexpr uint32_t mark = 0x0000'2013, mark_bits = 0x000f'ffff;

struct Counts {
    uint64_t inside, outside;
};

struct State {
    qemu_plugin_scoreboard* counts = nullptr;
    uint64_t ram = 0;  // in QEMU itself
    uint64_t outside_bytes = 0;
};
State state;

qemu_plugin_u64 inside() {
    return {state.counts, offsetof(Counts, inside)};
}
qemu_plugin_u64 outside() {
    return {state.counts, offsetof(Counts, outside)};
}

// "mark N hart H inside I outside O of A"
void tell(unsigned hart, void* argument) {
    antler::plugin::Line line;
    line.add("mark ");
    line.add(reinterpret_cast<uint64_t>(argument));
    line.add(" hart ");
    line.add(hart);
    line.add(" inside ");
    line.add(qemu_plugin_u64_get(inside(), hart));
    line.add(" outside ");
    line.add(qemu_plugin_u64_get(outside(), hart));
    line.add(" of ");
    line.add(qemu_plugin_u64_sum(outside()));
    line.add("\n");
    qemu_plugin_outs(line.text());
}

void translate(qemu_plugin_id_t, qemu_plugin_tb* block) {
    auto const count = qemu_plugin_tb_n_insns(block);
    for (size_t i = 0; i < count; ++i) {
        auto* const one = qemu_plugin_tb_get_insn(block, i);
        auto const at = reinterpret_cast<uint64_t>(qemu_plugin_insn_haddr(one));
        // The firmware's first instruction shows where RAM is.
        if (state.ram == 0 && qemu_plugin_insn_vaddr(one) == ram_start) state.ram = at;
        bool const is_outside = state.ram == 0 || at == 0 || at - state.ram < state.outside_bytes;
        qemu_plugin_register_vcpu_insn_exec_inline_per_vcpu(one, QEMU_PLUGIN_INLINE_ADD_U64,
                                                            is_outside ? outside() : inside(), 1);
        uint32_t bits = 0;
        if (is_outside || qemu_plugin_insn_data(one, &bits, sizeof bits) != sizeof bits) continue;
        if ((bits & mark_bits) == mark)
            qemu_plugin_register_vcpu_insn_exec_cb(
                one, tell, QEMU_PLUGIN_CB_NO_REGS,
                reinterpret_cast<void*>(static_cast<uint64_t>(bits >> 20)));
    }
}

}  // namespace

int qemu_plugin_install(qemu_plugin_id_t id, qemu_info_t const*, int count, char** words) {
    for (int i = 0; i < count; ++i)
        if (auto const bytes = antler::plugin::number_behind(words[i], "outside="); bytes != 0)
            state.outside_bytes = bytes;
    state.counts = qemu_plugin_scoreboard_new(sizeof(Counts));
    qemu_plugin_register_vcpu_tb_trans_cb(id, translate);
    return state.outside_bytes == 0 ? -1 : 0;
}
