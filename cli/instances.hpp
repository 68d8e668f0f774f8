// Machines that run on this computer, found by name: a folder for each, with its control socket.
#pragma once

#include <sys/types.h>

#include <map>
#include <string>
#include <vector>

#include "cli/child_process.hpp"
#include "cli/places.hpp"

namespace antler::cli {

// Where they are: for this user alone, made if it is not there.
[[nodiscard]] Path instances_directory();

// A machine that `antler run` starts takes a name; the folder goes when nobody holds it any more.
class Instance {
public:
    // `wanted`, or with a number behind it where that name is taken.
    [[nodiscard]] static Instance make(std::string const& wanted);
    // `name` itself; a Failure where it is taken or cannot be one.
    [[nodiscard]] static Instance make_exactly(std::string const& name);

    [[nodiscard]] std::string const& name() const { return name_; }
    [[nodiscard]] Path const& directory() const { return directory_; }
    [[nodiscard]] Path control() const { return directory_ / "control"; }
    // Whoever has this descriptor open keeps the name: QEMU inherits it, so that it outlives us.
    [[nodiscard]] int lock() const { return lock_.get(); }

private:
    Instance(std::string name, Path directory, Descriptor lock);

    std::string name_;
    Path directory_;
    Descriptor lock_;
};

struct FoundInstance {
    std::string name{};
    Path control{};
};

// A drive for the disk of a VM that comes later; its number is its place among them.
struct SpareDisk {
    std::string file{};              // behind it; empty: it is free
    bool reads = false;              // nobody writes there
    std::vector<std::string> vms{};  // whose disk it is
};

// What those that come later may want to know of a machine; a file in its folder.
struct InstanceRecord {
    std::string description{};                    // the file that it was made from
    int qemu = 0;                                 // its process
    std::map<std::string, std::string> drives{};  // image file → serial number on the board
    std::vector<std::string> vms{};               // that it started with
    bool vsock = false;                           // one of them has one
    std::vector<SpareDisk> spares{};
};
void write_instance_record(Path const& directory, InstanceRecord const& record);
[[nodiscard]] InstanceRecord read_instance_record(Path const& directory);

// Those that run now, by name; folders of those that do not are removed.
[[nodiscard]] std::vector<FoundInstance> running_instances();

// Ends QEMU; false where it is not known which process that is, or it does not end.
[[nodiscard]] bool end_machine(FoundInstance const& machine);

// The one with that name, or the only one where the name is empty; else a Failure that says which there are.
[[nodiscard]] FoundInstance find_instance(std::string const& name);

// A machine has its name a little before its sockets; returns the path once it is there, or nobody makes it.
[[nodiscard]] Path wait_for_socket(Path socket);

}  // namespace antler::cli
