// The legacy extensions that a few small guests still call: timer, console and shutdown.
#include "sbi/legacy.hpp"

#include "vm/outside.hpp"
#include "vm/vm.hpp"

namespace antler::sbi::legacy {

// The function ID is ignored, and a1 is left alone.   [sbi ext-legacy]

Next set_timer(vm::Vcpu& vcpu, Call const& call) {
    vcpu.vm.set_timer(vcpu, call.a[0]);
    return answer_legacy(vcpu, 0);
}

Next console_putchar(vm::Vcpu& vcpu, Call const& call) {
    auto const byte = static_cast<char>(call.a[0]);
    console_write(vcpu.vm, {&byte, 1});
    return answer_legacy(vcpu, 0);
}

Next console_getchar(vm::Vcpu& vcpu, Call const&) {
    u8 byte = 0;
    auto const taken = vcpu.vm.machine().console_take({&byte, 1});
    return answer_legacy(vcpu, taken == 1 ? byte : -1);
}

Next shutdown(vm::Vcpu& vcpu, Call const&) {
    vcpu.vm.end(vm::Ending::poweroff);
    return Next::stop;
}

}  // namespace antler::sbi::legacy
