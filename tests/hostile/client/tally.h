// Counts what an attacker got, for one line of JSON.
#pragma once

#include <boost/json.hpp>
#include <cstdint>
#include <map>
#include <string>

namespace hostile {

struct Tally {
  std::uint64_t connections = 0;   // that TCP gave
  std::uint64_t not_accepted = 0;  // attempts that TCP refused, or that took too long
  std::uint64_t upgraded = 0;
  std::uint64_t sent = 0;  // frames that the kernel took
  std::uint64_t sent_bytes = 0;
  std::uint64_t received = 0;  // frames
  std::uint64_t received_bytes = 0;
  std::uint64_t lost = 0;                       // connections that ended without a close frame
  std::map<std::string, std::uint64_t> http;    // answers to the upgrade other than 101, by status
  std::map<std::string, std::uint64_t> errors;  // error events by code
  std::map<std::string, std::uint64_t> closes;  // close frames by code

  boost::json::object ToJson() const {
    boost::json::object result{{"connections", connections},
                               {"not_accepted", not_accepted},
                               {"upgraded", upgraded},
                               {"sent", sent},
                               {"sent_bytes", sent_bytes},
                               {"received", received},
                               {"received_bytes", received_bytes},
                               {"lost", lost}};
    for (const auto& [name, counts] :
         {std::pair("http", &http), std::pair("errors", &errors), std::pair("closes", &closes)}) {
      boost::json::object of_kind;
      for (const auto& [key, count] : *counts) of_kind[key] = count;
      result[name] = std::move(of_kind);
    }
    return result;
  }
};

}  // namespace hostile
