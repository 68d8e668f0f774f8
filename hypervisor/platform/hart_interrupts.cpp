// Interrupts of the board's devices, served where they come.
#include "platform/hart_interrupts.hpp"

namespace antler::platform {

Result<void> HartInterrupts::enable(BoardWire wire) {
    return match(kind_, overloaded{[](std::monostate) -> Result<void> { return Err{Error::not_found}; },
                                   [&](HostPlic& plic) -> Result<void> {
                                       plic.enable(wire.source);
                                       return {};
                                   },
                                   [&](AplicHart& aplic) { return aplic.enable(wire); },
                                   [&](HostImsic& imsic) { return imsic.enable(wire); }});
}

void HartInterrupts::open() {
    match(kind_, overloaded{[](std::monostate) {}, [](HostPlic& plic) { plic.enable_again(); },
                            [](AplicHart& aplic) { aplic.open(); }, [](HostImsic& imsic) { imsic.open(); }});
}

void HartInterrupts::serve_wire(InterruptTable const& table) {
    auto const serve = [&](u32 line) {
        add_one(served_);
        (void)table.serve(line);
    };
    if (auto* const plic = std::get_if<HostPlic>(&kind_)) {
        auto const source = plic->claim();
        if (source == 0) return;
        serve(source);
        plic->complete(source);
    } else if (auto* const aplic = std::get_if<AplicHart>(&kind_)) {
        // The source stays pending for as long as its wire is raised: there is nothing to complete.
        if (auto const line = aplic->claim(); line != 0) serve(line);
    }
}

void HartInterrupts::serve_message(InterruptTable const& table, HostImsic const& imsic,
                                   HostImsic::Claimed const& came) {
    add_one(served_);
    (void)table.serve(came.line);
    imsic.complete(came);
}

}  // namespace antler::platform
