// A function behind a VM's PCI bridge: a configuration space, and what its base addresses show.
#pragma once

#include <optional>

#include "device/pci/configuration.hpp"

namespace antler::device::pci {

class Function {
public:
    [[nodiscard]] virtual std::string_view name() const = 0;

    // Of any width, and aligned to it; what nobody answers reads as ones, and takes what is written.
    [[nodiscard]] virtual u64 read_configuration(Offset at, Width width) {
        return configuration_.get(at, static_cast<u32>(width));
    }
    virtual void write_configuration(Offset at, Width width, u64 value) {
        configuration_.write(at, static_cast<u32>(width), value);
    }
    [[nodiscard]] virtual u64 read_bar(u32 bar, Offset at, Width width) = 0;
    virtual void write_bar(u32 bar, Offset at, Width width, u64 value) = 0;

    struct Place {
        u32 bar = 0;
        Offset offset = 0;
    };
    // Of its base addresses, the one that this address is in.
    [[nodiscard]] std::optional<Place> decode(Gpa at) const {
        if (!configuration_.decodes_memory()) return std::nullopt;
        for (u32 i = 0; i < bar_count; ++i) {
            auto const& bar = configuration_.bar(i);
            if (bar.bytes == 0) continue;
            auto const into = at - configuration_.bar_range(i).start;
            if (into < bar.bytes) return Place{i, static_cast<Offset>(into)};
        }
        return std::nullopt;
    }
    [[nodiscard]] Configuration const& configuration() const { return configuration_; }

protected:
    ~Function() = default;
    Configuration configuration_{};
};

}  // namespace antler::device::pci
