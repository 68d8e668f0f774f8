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

void HartInterrupts::open(BoardWire wire) {
    match(kind_, overloaded{[](std::monostate) {}, [&](HostPlic& plic) { plic.complete(wire.source); },
                            [&](AplicHart& aplic) { aplic.open(wire); },
                            [&](HostImsic& imsic) { imsic.open(wire); }});
}

void HartInterrupts::close(BoardWire wire) {
    // A PLIC's is closed by whoever claims it.
    match(kind_, overloaded{[](std::monostate) {}, [](HostPlic&) {},
                            [&](AplicHart& aplic) { aplic.close(wire.line()); },
                            [&](HostImsic& imsic) { imsic.close(wire.line()); }});
}

std::optional<bool> HartInterrupts::is_high(BoardWire wire) {
    using Answer = std::optional<bool>;
    return match(kind_, overloaded{[](std::monostate) -> Answer { return std::nullopt; },
                                   [](HostPlic&) -> Answer { return std::nullopt; },
                                   [&](AplicHart& aplic) -> Answer { return aplic.is_high(wire); },
                                   [&](HostImsic& imsic) -> Answer { return imsic.is_high(wire); }});
}

// One that stays closed is so before anybody hears of it, who may open it at once.
void HartInterrupts::serve_wire(InterruptTable const& table) {
    if (auto* const plic = std::get_if<HostPlic>(&kind_)) {
        auto const source = plic->claim();
        if (source == 0) return;
        add_one(served_);
        auto const aftermath = table.aftermath(source);
        (void)table.serve(source);
        if (aftermath != Aftermath::closed) plic->complete(source);
    } else if (auto* const aplic = std::get_if<AplicHart>(&kind_)) {
        // The source stays pending for as long as its wire is raised: there is nothing to complete.
        auto const line = aplic->claim();
        if (line == 0) return;
        add_one(served_);
        if (table.aftermath(line) == Aftermath::closed) aplic->close(line);
        (void)table.serve(line);
    }
}

void HartInterrupts::serve_message(InterruptTable const& table, HostImsic const& imsic,
                                   HostImsic::Claimed const& came) {
    add_one(served_);
    auto const aftermath = table.aftermath(came.line);
    if (aftermath == Aftermath::closed) imsic.close(came.line);
    (void)table.serve(came.line);
    if (aftermath == Aftermath::lowered) imsic.complete(came);
}

}  // namespace antler::platform
