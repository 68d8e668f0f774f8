// Whose memory a device reaches, and where its messages go.
#include "platform/iommus.hpp"

#include <atomic>

#include "base/fence_site.hpp"
#include "memory/physical.hpp"

namespace antler::platform {

using namespace isa::iommu;

// ---- what changes in a VM's memory

void IommuDomain::flush(memory::FlushRequest const& request) {
    // What was invalid is in no cache of theirs.                              [iommu Caching invalid entries]
    if (!request.concerns_devices()) return;
    auto const through = through_.load(std::memory_order_seq_cst);
    if (through == 0) return;
    constexpr u64 most_pages = memory::FlushRequest::most_bytes_by_page / page_bytes + 1;
    std::array<Command, most_pages> list{};
    usize count = 0;
    if (!fence_stands(request.by_page() ? FenceSite::devices_lose_pages : FenceSite::devices_lose_many))
        return;
    if (request.by_page()) {
        auto const start = request.start() & ~(page_bytes - 1);
        for (u64 at = start; at < request.start() + request.size(); at += page_bytes)
            list[count++] = Command::forget_page(gscid_, Gpa{at});
    } else {
        list[count++] = Command::forget_space(gscid_);
    }
    all_->run(through, std::span{list}.first(count));
}

// Whichever its devices are behind, now or later.
bool IommuDomain::marks_pages() const {
    return all_->all_mark_pages();
}

void Iommus::run(u32 through, std::span<Command const> list) {
    for (u32 i = 0; i < count_; ++i)
        if ((through >> i & 1) != 0) all_[i].run(list);
}

// ---- which there are

Result<void> Iommus::add(IommuRegisters& registers, Kind kind, u32 device_bits, bool wired) {
    if (count_ == most) return Err{Error::full};
    kinds_[count_] = kind;
    return all_[count_++].open(registers, frames_, device_bits, wired);
}

std::optional<DeviceId> Iommus::covers(u32 phandle, u32 number) const {
    for (u32 i = 0; i < count_; ++i)
        if (kinds_[i].phandle == phandle) return DeviceId{i, number};
    return std::nullopt;
}

std::optional<DeviceId> Iommus::covers(u16 requester) const {
    if (map_ == nullptr) return std::nullopt;
    auto const found = map_->find(requester);
    return found ? covers(found->iommu, found->number) : std::nullopt;
}

void Iommus::narrow(isa::Features& features) {
    for (u32 i = 0; i < count_; ++i) {
        if (all_[i].is_dead()) continue;
        auto const has = all_[i].capabilities();
        // Every IOMMU shall have it, yet QEMU 10 takes its bits for a part of the address.
        features.svnapot = false;
        features.svpbmt = features.svpbmt && Capabilities::svpbmt::get(has.raw);
        features.svrsw60t59b = false;
    }
}

bool Iommus::marks_pages(DeviceId device) const {
    return device.iommu < count_ && Capabilities::amo_hwad::get(all_[device.iommu].capabilities().raw);
}

bool Iommus::all_mark_pages() const {
    for (u32 i = 0; i < count_; ++i)
        if (!marks_pages({i, 0})) return false;
    return true;
}

bool Iommus::redirects_messages() const {
    for (u32 i = 0; i < count_; ++i)
        if (!Capabilities::msi_flat::get(all_[i].capabilities().raw)) return false;
    return count_ != 0;
}

bool Iommus::stores_messages() const {
    for (u32 i = 0; i < count_; ++i)
        if (!Capabilities::msi_mrif::get(all_[i].capabilities().raw)) return false;
    // Two that do not merge would each need a file of its own.                 [aia IOMMU MRIF without
    // atomic]
    return redirects_messages() && (count_ == 1 || merges_messages());
}

bool Iommus::merges_messages() const {
    for (u32 i = 0; i < count_; ++i)
        if (!Capabilities::amo_mrif::get(all_[i].capabilities().raw)) return false;
    return count_ != 0;
}

// ---- devices

auto Iommus::find(State& state, DeviceId id) -> Device* {
    for (auto& device : state.devices)
        if (device.used && device.id == id) return &device;
    return nullptr;
}

IommuDomain* Iommus::find(State& state, memory::Space const& space) {
    for (auto& domain : state.domains)
        if (domain.space_ == &space) return &domain;
    return nullptr;
}

Result<IommuDomain*> Iommus::domain_of(State& state, memory::Space& space) {
    if (auto* const found = find(state, space); found != nullptr) return found;
    for (auto& domain : state.domains) {
        if (domain.space_ != nullptr) continue;
        domain.all_ = this;
        domain.space_ = &space;
        domain.gscid_ = space.gscid();
        domain.through_.store(0, std::memory_order_seq_cst);
        space.observers().attach(domain);
        return &domain;
    }
    return Err{Error::full};
}

void Iommus::leave(IommuDomain& domain) {
    if (domain.devices_ != 0 || domain.messages_) return;
    domain.space_->observers().detach(domain);
    domain.space_ = nullptr;
}

Result<DeviceContext> Iommus::context_of(DeviceId id, IommuDomain const* domain) {
    auto& iommu = all_[id.iommu];
    DeviceContext context;
    if (domain != nullptr) {
        auto const mode = domain->space_->mode();
        if (mode == isa::GStageMode::bare) return Err{Error::bad_state};
        if (!iommu.capabilities().supports(mode)) return Err{Error::not_supported};
        context.iohgatp = Iohgatp::of(mode, domain->gscid_, domain->space_->device_root()).raw;
        if (marks_pages(id)) context.tc = TranslationControl::gade::set(0, true);
        if (domain->messages_) {
            context.msiptp = Msiptp::of(domain->messages_->start()).raw;
            context.msi_addr_mask = domain->pages_.mask;
            context.msi_addr_pattern = domain->pages_.pattern;
        }
    }
    return context;
}

Result<void> Iommus::add_device(State& state, DeviceId id, IommuDomain* domain, std::string_view vm) {
    auto const context = TRY(context_of(id, domain));
    auto& iommu = all_[id.iommu];
    for (auto& device : state.devices) {
        if (device.used) continue;
        // Before the entry is valid: whoever changes the tree from now on tells this IOMMU too.
        if (domain != nullptr) domain->through_.fetch_or(1u << id.iommu, std::memory_order_seq_cst);
        TRY(iommu.set(id.number, context));
        device = {.id = id, .used = true, .house = domain == nullptr, .domain = domain};
        device.vm.size = static_cast<u8>(vm.copy(device.vm.text.data(), device.vm.text.size()));
        if (domain != nullptr) ++domain->devices_;
        return {};
    }
    return Err{Error::full};
}

Result<void> Iommus::attach(DeviceId device, memory::Space& space, std::string_view vm) {
    if (device.iommu >= count_) return Err{Error::not_found};
    return state_.with([&](State& state) -> Result<void> {
        if (find(state, device) != nullptr) return Err{Error::already_exists};
        auto* const domain = TRY(domain_of(state, space));
        // The domain is an observer already: nobody clears D from here on in what it walks, unless all IOMMUs
        // set it.
        bool const would_fail = space.tells_what_is_written() && !space.is_parted() && !all_mark_pages();
        auto const added =
            would_fail ? Result<void>{Err{Error::not_supported}} : add_device(state, device, domain, vm);
        if (!added) leave(*domain);
        return added;
    });
}

Result<void> Iommus::attach_house(DeviceId device) {
    if (device.iommu >= count_) return Err{Error::not_found};
    return state_.with([&](State& state) -> Result<void> {
        if (find(state, device) != nullptr) return Err{Error::already_exists};
        return add_device(state, device, nullptr, {});
    });
}

void Iommus::detach(DeviceId id) {
    if (id.iommu >= count_ || !is_attached(id)) return;
    // It is its owner's until what was refused of it is heard: nobody else can be blamed for that.
    hold(id);
    if (hearer_ != nullptr) hearer_->hear(id.iommu);
    state_.with([&](State& state) {
        auto* const device = find(state, id);
        if (device == nullptr) return;
        device->used = false;
        auto* const domain = device->domain;
        if (domain == nullptr) return;
        --domain->devices_;
        u32 through = 0;
        for (auto const& other : state.devices)
            if (other.used && other.domain == domain) through |= 1u << other.id.iommu;
        domain->through_.store(through, std::memory_order_seq_cst);
        leave(*domain);
    });
}

void Iommus::hold(DeviceId id) {
    if (id.iommu >= count_) return;
    state_.with([&](State& state) {
        if (find(state, id) != nullptr) all_[id.iommu].clear(id.number);
    });
}

void Iommus::let_go(DeviceId id) {
    if (id.iommu >= count_) return;
    state_.with([&](State& state) {
        auto* const device = find(state, id);
        if (device == nullptr) return;
        device->silent = false;
        device->faults = 0;
        auto const context = context_of(id, device->domain);
        // Its place in the directory is there; without an entry it is refused.
        if (context) (void)all_[id.iommu].set(id.number, context.value());
    });
}

bool Iommus::is_attached(DeviceId device) {
    return state_.with([&](State& state) { return find(state, device) != nullptr; });
}

u32 Iommus::devices(u32 iommu) {
    return state_.with([&](State& state) {
        u32 count = 0;
        for (auto const& device : state.devices) count += device.used && device.id.iommu == iommu ? 1 : 0;
        return count;
    });
}

// ---- messages

Result<void> Iommus::set_message_pages(memory::Space& space, std::optional<MessagePages> pages) {
    return state_.with([&](State& state) -> Result<void> {
        if (!pages) {
            auto* const domain = find(state, space);
            if (domain == nullptr || !domain->messages_) return {};
            if (domain->devices_ != 0) return Err{Error::bad_state};
            frames_.give_back(std::move(*domain->messages_));
            domain->messages_.reset();
            leave(*domain);
            return {};
        }
        if (!redirects_messages() || pages->files() > most_files) return Err{Error::not_supported};
        auto* const domain = TRY(domain_of(state, space));
        if (domain->devices_ != 0 || domain->messages_) return Err{Error::bad_state};
        auto table = frames_.take_zeroed(memory::Order{0}, space.owner());
        if (!table) {
            leave(*domain);
            return Err{table.error()};
        }
        domain->messages_.emplace(std::move(table).value());
        domain->pages_ = *pages;
        return {};
    });
}

// An IOMMU may read the words of an entry in any order, so each is right with the other's old value and its
// new one: the second word changes while the first does not look at it.        [aia IOMMU MSI page tables]
void Iommus::change_message(memory::Space& space, u32 file, u64 first, std::optional<u64> second) {
    state_.with([&](State& state) {
        auto* const domain = find(state, space);
        if (domain == nullptr || !domain->messages_ || file >= domain->pages_.files()) return;
        auto& entry = static_cast<MessageEntry*>(memory::house_view(domain->messages_->start()))[file];
        std::array const list{Command::forget_page(domain->gscid_, domain->pages_.page(file))};
        auto const through = domain->through_.load(std::memory_order_seq_cst);
        auto const put = [&](u64& word, u64 value) {
            if (std::atomic_ref{word}.exchange(value, std::memory_order_seq_cst) == value) return;
            run(through, list);
        };
        if (second && *second != entry.second) {
            if (MessageEntry::m::get(entry.first) == MessageEntry::memory) put(entry.first, 0);
            put(entry.second, *second);
        }
        put(entry.first, first);
    });
}

void Iommus::redirect(memory::Space& space, u32 file, Hpa page) {
    change_message(space, file, MessageEntry::to_file(page), std::nullopt);
}
void Iommus::redirect_to_memory(memory::Space& space, u32 file, Hpa memory, Hpa notice, u32 identity) {
    change_message(space, file, MessageEntry::to_memory(memory), MessageEntry::notice(notice, identity));
}
void Iommus::refuse_messages(memory::Space& space, u32 file) {
    change_message(space, file, 0, std::nullopt);
}

// ---- faults

auto Iommus::explain(FaultRecord const& record, u32 index, Ticks now, Name& name) -> Fault {
    Fault fault{.record = record, .device = {index, record.device()}};
    state_.with([&](State& state) {
        auto* const device = find(state, fault.device);
        if (device == nullptr) return;
        name = device->vm;
        fault.vm = {name.text.data(), name.size};
        fault.house = device->house;
        if (now - device->window > patience_) {
            device->window = now;
            device->faults = 0;
        }
        if (++device->faults < most_faults || device->silent) return;
        device->silent = true;
        fault.silenced = true;
        all_[index].silence(fault.device.number);
    });
    return fault;
}

}  // namespace antler::platform
