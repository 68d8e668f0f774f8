// Devices of the board that a VM drives by their registers.
#include "vm/lent_devices.hpp"

namespace antler::vm {

std::optional<Gpa> LentDevices::place(u64 bytes) {
    if (bytes > lent_region.size - next_) return std::nullopt;
    auto const at = lent_region.start + next_;
    next_ += bytes;
    return at;
}

Result<u32> LentDevices::add_wire(BoardLine& line) {
    if (line_count_ == lines_.size()) return Err{Error::full};
    lines_[line_count_] = &line;
    return first_source + line_count_++;
}

Result<void> LentDevices::add(LentDevice const& device) {
    if (count_ == devices_.size()) return Err{Error::full};
    devices_[count_++] = device;
    return {};
}

void LentDevices::power_on(WireController& wires) {
    for (auto const& device : devices())
        if (device.reset != nullptr) device.reset(device);
    for (u32 i = 0; i < line_count_; ++i) {
        if (lines_[i]->is_level()) wires.come_from(first_source + i, *this);
        lines_[i]->open();
    }
}

// One that is high already rises once more where its guest did not say that it has served it.
void LentDevices::rise(WireController& wires, u32 source) {
    if (source < first_source || source - first_source >= line_count_) return;
    wires.set_source(source, false);
    wires.set_source(source, true);
    if (!lines_[source - first_source]->is_level()) wires.set_source(source, false);
}

bool LentDevices::look(u32 source) {
    if (source < first_source || source - first_source >= line_count_) return false;
    return lines_[source - first_source]->look();
}

}  // namespace antler::vm
