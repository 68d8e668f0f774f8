// What the directories and the tables of messages say, against who owns what.
#include "memory/physical.hpp"
#include "platform/iommus.hpp"

namespace antler::platform {

using namespace isa::iommu;

namespace {

using memory::FrameState;

// The frame is the owner's, and no guest reaches it.
bool is_table_of(memory::Frames& frames, memory::OwnerId owner, Hpa at) {
    auto const info = frames.inspect(at);
    return info && info->state == FrameState::taken && info->block.pool == memory::Pool::house &&
           info->block.owner == owner;
}

// Whether its faults are reported is nobody else's business.
bool says_the_same(std::span<u64 const> words, DeviceContext const& wanted) {
    std::array const all{wanted.tc | TranslationControl::v::mask,
                         wanted.iohgatp,
                         wanted.ta,
                         wanted.fsc,
                         wanted.msiptp,
                         wanted.msi_addr_mask,
                         wanted.msi_addr_pattern,
                         u64{0}};
    if ((words[0] & ~u64{TranslationControl::dtf::mask}) != all[0]) return false;
    for (usize i = 1; i < words.size(); ++i)
        if (words[i] != all[i]) return false;
    return true;
}

}  // namespace

// Everything of one IOMMU.
char const* Iommus::audit_device(State& state, DeviceId id, std::span<u64 const> words) {
    auto* const device = find(state, id);
    if (device == nullptr) return "a device of nobody has an entry";
    if (device->house != (device->domain == nullptr)) return "a device is the house's and a VM's";
    auto const wanted = context_of(id, device->domain);
    if (!wanted || !says_the_same(words, wanted.value())) return "a device's entry is not its owner's";
    if (device->domain == nullptr) return nullptr;
    auto& domain = *device->domain;
    auto const owner = domain.space_->owner();
    if ((domain.through_.load(std::memory_order_seq_cst) >> id.iommu & 1) == 0)
        return "an IOMMU is not told of what its device's VM loses";
    if (domain.space_->tells_what_is_written() && !domain.space_->is_parted() && !all_mark_pages())
        return "a device fails at leaves that tell what is written";
    if (!is_table_of(frames_, owner, Iohgatp{words[1]}.root())) return "a device walks a tree of nobody's";
    if (domain.messages_ && !is_table_of(frames_, owner, domain.messages_->start()))
        return "a table of messages is not its VM's";
    return nullptr;
}

std::optional<Iommus::Finding> Iommus::audit() {
    return state_.with([&](State& state) -> std::optional<Finding> {
        std::optional<Finding> finding;
        u32 devices = 0;
        for (u32 i = 0; i < count_; ++i) {
            if (!all_[i].is_open() || all_[i].is_dead()) continue;
            auto const found = [&](char const* what, u32 device) {
                if (what != nullptr && !finding) finding = {what, {i, device}};
            };
            all_[i].for_each_entry(
                [&](u32 device, std::span<u64 const> words) {
                    ++devices;
                    found(audit_device(state, {i, device}, words), device);
                },
                [&](Hpa table) {
                    if (!is_table_of(frames_, memory::house_owner, table))
                        found("a table of the directory is not the house's", 0);
                });
        }
        u32 known = 0;
        for (auto const& device : state.devices) known += device.used ? 1 : 0;
        if (!finding && devices > known) finding = {"a device has two entries", {}};
        return finding;
    });
}

std::optional<MessageEntry> Iommus::message(memory::Space const& space, u32 file) {
    return state_.with([&](State& state) -> std::optional<MessageEntry> {
        auto* const domain = find(state, space);
        if (domain == nullptr || !domain->messages_ || file >= most_files) return std::nullopt;
        return static_cast<MessageEntry const*>(memory::house_view(domain->messages_->start()))[file];
    });
}

}  // namespace antler::platform
