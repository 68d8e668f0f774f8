// Every key of a description in one table: it drives the reader, the defaults and docs/configuration.md.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cli/complaint.hpp"
#include "cli/description.hpp"

namespace antler::cli {

enum class Section : u8 { machine, hypervisor, network, vm, disk, net, channel, device };

// As it stands in a heading and in sentences.
[[nodiscard]] constexpr std::string_view heading(Section section) {
    switch (section) {
        case Section::machine: return "machine";
        case Section::hypervisor: return "hypervisor";
        case Section::network: return "switch.NAME";
        case Section::vm: return "vm.NAME";
        case Section::disk: return "vm.NAME.disks";
        case Section::net: return "vm.NAME.net";
        case Section::channel: return "vm.NAME.channels";
        case Section::device: return "vm.NAME.devices";
    }
    return "";
}

enum class Shape : u8 {
    number,  // whole, within least and most
    flag,    // true or false
    size,    // a text like "512M", within least and most, a multiple of `step`
    text,    // any, without control characters, of at most `most` bytes
    word,    // one of `words`
    words,   // an array of texts, all of them in `words` where there are any
    tables,  // an array of tables with the keys of the section `element`, at most `most`
};

// A value of the right shape.
struct Value {
    u64 number = 0;  // of number and size
    bool flag = false;
    std::string text{};
    std::vector<std::string> list{};
};

// Where a row puts its value: one of them is set.
struct Target {
    MachineDescription* machine = nullptr;
    HypervisorDescription* hypervisor = nullptr;
    SwitchDescription* network = nullptr;
    VmDescription* vm = nullptr;
    DiskDescription* disk = nullptr;
    NetDescription* net = nullptr;
    ChannelDescription* channel = nullptr;
    DeviceDescription* device = nullptr;
};

struct Row {
    Section section;
    std::string_view key;  // with dots: a table within the section's table
    Shape shape;
    std::string_view fallback;  // as it would be written; empty: nothing
    std::string_view sentence;  // for the documentation
    void (*store)(Target, Value const&);
    bool required = false;
    u64 least = 0;
    u64 most = 0;
    std::string_view words{};  // "a|b|c"
    u64 step = u64{2} << 20;   // of sizes
    Section element{};         // of tables
    // Whether a text, or each text of a list, has the form that it must have; and how it is described.
    bool (*good)(std::string_view text) = nullptr;
    std::string_view form{};
};

[[nodiscard]] std::span<Row const> schema();

[[nodiscard]] Row const* find_row(Section section, std::string_view key);

// "a whole number from 1 to 64", for documentation and complaints.
[[nodiscard]] std::string describe_shape(Row const& row);

// docs/configuration.md, whole.
[[nodiscard]] std::string schema_markdown();

}  // namespace antler::cli
