// stub
#include "boot/memory.hpp"
namespace antler::boot {
alignas(16) u8 stub_stack[16384];
Result<void> open_memory(System& all, HpaRange) {
    all.cores[0]->stack_bottom = (u64)stub_stack;
    all.cores[0]->stack_top = (u64)stub_stack + 16384;
    return {};
}
u64 memory_bytes(System const&) {
    return 0;
}
BootCore* new_core(System& all, u64) {
    return all.cores[0];
}
Result<void> create_vm(System&, vm::Description const&) {
    return Err{Error::no_memory};
}
}  // namespace antler::boot
namespace antler::vm {
Result<void> Ram::read(Gpa, std::span<u8>) {
    return {};
}
Result<void> Ram::write(Gpa, std::span<u8 const>) {
    return {};
}
bool Ram::is_mapped(Gpa) const {
    return false;
}
Result<void> Ram::populate(Gpa) {
    return {};
}
Result<void> Ram::place(Segment const&) {
    return {};
}
void Ram::enter(Vcpu&, Core&) {}
}  // namespace antler::vm
