"""The sentence for every stable code, in the reader's language: what happened and, where it helps, what to do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext

SENTENCES: dict[str, Any] = {
    # Any request
    "invalid_fields": _("Some of what was sent cannot be used."),
    "malformed": _("This request cannot be read."),
    "missing": _("This is needed."),
    "wrong_type": _("This is not the kind of value expected here."),
    "too_long": _("This is too long: %(limit)s characters at most."),
    "unprintable": _("This has characters that cannot be printed."),
    "too_many": _("This is too much at once: %(limit)s at most."),
    "not_found": _("There is nothing here, or you may not see it."),
    "not_permitted": _("You may not do this."),
    "not_signed_in": _("Please sign in first."),
    "other_person": _("These scans are of somebody else: they are sent when that person signs in again."),
    "read_only": _("You may read here, but not change anything. Ask your administrator."),
    "forged": _("This request did not come from a page of this site. Reload the page and try again."),
    "method_not_allowed": _("This address is not used in this way."),
    "too_large": _("This is too large."),
    "too_many_requests": _("Too many requests; please wait a moment."),
    "database_busy": _("The system is busy. Nothing was lost: please try again in a moment."),
    "fault": _("Something went wrong on our side. Nothing was changed; please try again."),
    "bad_cursor": _("This page mark is not one of ours."),
    "idempotency_key_reused": _("This key came with another request before."),
    "already_saved": _("The one before is saved; press Save again and this is saved as a new one."),
    "idempotency_key_unusable": _("This key is too long or has characters that cannot be printed."),
    # Signing in and parties
    "wrong_credentials": _("User name and password do not match."),
    "not_a_member": _("You may not act for this organisation."),
    "acting_for_ended": _("You no longer act for this organisation: choose for whom you act."),
    "acting_changed": _(
        "You switched to %(now)s in another tab; this page was filled in for %(then)s. Nothing was done."
    ),
    "password_missing": _("Signing needs your password."),
    "wrong_password": _("This is not your password: nothing was signed."),
    "pin_not_set": _("This is not your password: the PIN was not set."),
    "pin_missing": _("Type the PIN you want."),
    "pin_digits": _("A PIN has %(least)s to %(most)s digits."),
    "pin_trivial": _("This PIN is among the first that others would try: no runs, no patterns, no birthdays."),
    "pins_differ": _("The two PINs are not the same: type the PIN again."),
    "no_pin": _("You have not set a PIN: sign with your password, or set one."),
    "wrong_pin": _("This is not your PIN: nothing was signed."),
    "pin_locked": _(
        "Too many wrong PINs: none is looked at for %(minutes)s minutes. Until then the password signs, on one's own "
        "device."
    ),
    # Drafts, approvals, plans and paper
    "carrier_without_vehicle": _(
        "%(carrier)s has no vehicle on record: choose another carrier, or ask it to enter one."
    ),
    "too_heavy_for_carrier": _(
        "These %(mass_kg)s kg are more than the largest vehicle of %(carrier)s takes (%(limit_kg)s kg): make two loads."
    ),
    "permit_mass_exceeded": _(
        "%(receiver)s may take %(left_kg)s kg more this year, this load has %(mass_kg)s kg: choose another receiver, "
        "or send less."
    ),
    "approval_missing": _(
        "%(receiver)s lies in another province: record the approval to send waste there, then issue the manifest."
    ),
    "approval_expired": _("Approval %(approval)s does not hold today; its last day is %(day)s: apply for a new one."),
    "approval_lacks_code": _("Approval %(approval)s does not name waste code %(waste_code)s."),
    "approval_used_up": _(
        "Approval %(approval)s has %(left_kg)s kg left, this load has %(mass_kg)s kg: send less, or apply for a new "
        "one."
    ),
    "unknown_permit": _("No such permit, or you may not see it."),
    "permit_known": _("A permit of this number is on record for this organisation already."),
    "not_in_your_district": _("This organisation does not lie in your district: its own puts its permits on record."),
    "unknown_permit_kind": _("There is no such kind of permit."),
    "permit_kind_fixed": _(
        "A permit to take waste cannot become one to carry it, nor the other way round: withdraw "
        "this one and put the other on record."
    ),
    "permit_kind_not_theirs": _("%(organisation)s is not in the business that this kind of permit is for."),
    "unknown_permit_code": _("“%(given)s” is neither a waste code nor a category such as HW08."),
    "permit_without_mass": _("A transport permit names no mass a year: leave it empty."),
    "permit_mass_too_large": _("More than a million tonnes a year cannot be right."),
    "permit_ends_before": _("It ends before that anyway, on %(day)s."),
    "permit_withdrawn": _("This permit has been withdrawn: put it on record anew if that was a mistake."),
    "permit_changed": _("Somebody else has corrected this permit since you saw it. Please look at it again."),
    "permit_unchanged": _("This is what is on record already: nothing would change."),
    "contract_known": _("You have recorded a contract of this number before."),
    "contract_with_self": _("A contract is made with another organisation."),
    "unknown_purpose": _("A contract's partner takes the waste (take) or carries it (carry)."),
    "approval_known": _("You have recorded an approval of this number before."),
    "approval_too_long": _(
        "An approval holds %(months)s months at most, and no longer than the receiver's permit: until %(day)s."
    ),
    "same_province": _("%(receiver)s lies in your own province: no approval is needed."),
    "dates_out_of_order": _("The last day is before the first."),
    "several_manifests": _("These drums were turned away under several manifests: send those of each on by itself."),
    "nothing_turned_away": _("No drum of manifest %(manifest)s waits to be taken back."),
    "carrier_twice": _("The same carrier stands twice in a row: name it once."),
    "other_city": _("These drums stand in another city, whose manifests have other numbers: make a new draft."),
    "no_plan": _("The plan of %(site)s for %(year)s names no transfers yet: put this one into it."),
    "not_in_plan": _("The plan does not name %(waste_code)s to %(receiver)s: put it in, and file the change."),
    "beyond_plan": _(
        "The plan leaves %(left_kg)s kg of %(waste_code)s to %(receiver)s, this load has %(mass_kg)s kg: raise the "
        "plan, and file the change."
    ),
    "year": _("This is not a year of a plan."),
    "year_out_of_reach": _("This year is not one of our time: write the day like 2026-03-31."),
    "not_on_paper": _("Manifest %(manifest)s did not run on paper."),
    "paper_scan_missing": _("Add a scan or photo of the paper manifest first."),
    "scan_too_large": _("This file is too large: %(limit)s MB at most."),
    "scan_kind": _("This is no PDF, JPEG or PNG that can be read."),
    "consent_missing": _("Not everybody who was asked has agreed yet."),
    "already_received": _("Part of this load is received already: it can no longer be called off."),
    "changed_since_shown": _(
        "Manifest %(manifest)s has changed since you saw it: nothing was signed. Look at it again, then sign."
    ),
    "wrong_at_counter": _(
        "User name and PIN do not fit anybody who may sign for this firm: nothing was signed. Without a PIN, confirm "
        "on the firm's own phone."
    ),
    "unknown_organisation": _("No such organisation, or you may not see it."),
    "division": _("There is no such administrative division."),
    "uscc_length": _("A credit code has 18 characters."),
    "uscc_alphabet": _("A credit code has digits and capital letters without I, O, S, V and Z."),
    "uscc_check": _("The check character at the end does not fit: please compare the code again."),
    "uscc_body_check": _("The organisation's own check character does not fit: please compare the code again."),
    # Lifecycle
    "illegal_state": _("This cannot be done now: the state is “%(state)s”."),
    "not_your_part": _("This is for others to do, not for your organisation."),
    "page_of_carriers": _("This page is for carriers: they keep the record of their vehicles on it."),
    "page_of_keepers": _("This page is for those who generate, collect or treat waste: they log it on it."),
    "unknown_state": _("There is no such state."),
    "lost_race": _("Somebody else was faster. Please look at it again."),
    "guard": _("A condition for this step is not met."),
    "series_exhausted": _("This number series is used up."),
    # Waste
    "unknown_waste_code": _("No such waste code in the catalogue in force."),
    "unknown_edition": _("No such edition of the catalogue."),
    "hazards_missing": _("This code may have several hazards: choose those of your waste (%(choices)s)."),
    "hazards_not_of_code": _("These hazards do not belong to this code (%(choices)s)."),
    "unknown_form": _("No such form: solid, semi-solid, liquid or gas."),
    "unknown_container_kind": _("No such kind of container."),
    "volume_out_of_range": _("The volume is a number of litres above 0 and at most %(limit)s, with one decimal place."),
    "mass_missing": _("The mass is needed."),
    "mass_not_a_number": _("The mass is not a number; write it like 18.5."),
    "mass_negative": _("The mass cannot be negative."),
    "mass_zero": _("The mass cannot be zero."),
    "mass_too_precise": _("The mass has at most three decimals (grams)."),
    "mass_too_large": _("More than 60 t in one container cannot be right."),
    "date_unreadable": _("This is not a date; write it like 2026-03-31."),
    "date_in_future": _("This day has not come yet."),
    "date_too_old": _("This day is too long ago."),
    "time_unreadable": _("This is not a time; write it like 2026-03-31T09:30:00+08:00."),
    "time_without_offset": _("This time does not say which time zone it is in."),
    "time_in_future": _("This time has not come yet."),
    "time_too_old": _("This time is too long ago."),
    "time_out_of_order": _("This cannot have happened before the step that came first."),
    "delivered_after_completed": _(
        "The draft says that the transfer was complete more than a day before this: correct one of the two."
    ),
    "container_serial_exhausted": _(
        "999 containers of this code were logged for this day: the label's number has no room for more."
    ),
    "short_code_exhausted": _("No short code is free; please try again."),
    "container_has_no_label_data": _("Form and hazards of this drum are missing."),
    "unknown_code": _("No drum has this code, or you may not see it."),
    "duplicate_container": _("This drum is named twice."),
    "container_not_free": _("Drum %(container)s is not free: its state is “%(state)s”."),
    "not_your_site": _("This is not a site of your organisation."),
    "unknown_site": _("Your organisation has no such site."),
    "site_missing": _("Your organisation has several sites: say which."),
    "unknown_stream": _("Your organisation has no such usual waste."),
    # Importing a catalogue
    "bad_catalogue": _("%(file)s cannot be used as a catalogue."),
    "unknown_format": _("A catalogue is a csv, json or xlsx file."),
    "file_unreadable": _("This file cannot be opened."),
    "file_too_large": _("This file is too large for a catalogue."),
    "bad_encoding": _("The characters of this file cannot be read: save it as UTF-8."),
    "bad_csv": _("The csv table is broken here."),
    "bad_json": _("The JSON is broken here."),
    "bad_xlsx": _("This is not an xlsx workbook, or it is damaged."),
    "missing_column": _("The column “%(column)s” is missing."),
    "column_twice": _("The column “%(column)s” is there twice."),
    "extra_cells": _("This row has more cells than the header."),
    "bad_row": _("This is not a row of a catalogue."),
    "bad_value": _("This cell does not hold a text."),
    "bad_waste_code": _("This is not a waste code; write it like 900-249-08."),
    "bad_hazard": _("These are not hazards; write them like T,I or T/In."),
    "duplicate_code": _("This code is there twice."),
    "category_mismatch": _("The category does not fit the code."),
    "unknown_category": _("This category has no name, and the row gives it none."),
    "count_mismatch": _("The list is not as long as it says: %(value)s."),
    "no_rows": _("There are no codes in this file."),
    "too_many_rows": _("This file has more rows than a catalogue can have."),
    "edition_missing": _("Say which edition this is: its year."),
    "bad_edition": _("“%(value)s” is not an edition; write its year, such as 2025."),
    "effective_from_missing": _("Say from which day the edition %(edition)s is in force."),
    "edition_date_taken": _("Another edition is in force from %(effective_from)s."),
    # Depots and scans
    "unknown_depot": _("No such depot, or you may not see it."),
    "depot_missing": _("Say at which depot."),
    "not_your_depot": _("This depot belongs to another organisation."),
    "unknown_bay": _("This depot has no bay “%(bay)s”."),
    "wrong_bay": _("Bay %(bay)s is in another depot."),
    "bay_missing": _("Scan the bay as well."),
    "bay_full": _("Bay %(bay)s is full: choose another."),
    "bay_no_place": _("Every place of bay %(bay)s is taken: choose another."),
    "bay_not_admitted": _("Bay %(bay)s is not meant for this waste: choose another."),
    "bay_reaction_unknown": _(
        "Nobody has said what this waste reacts with, so it stands with its own kind alone: choose another bay than "
        "%(bay)s, or have the firm state it."
    ),
    "bund_too_small": _("The bund of bay %(bay)s is too small for this liquid: choose another."),
    "bay_reacting": _("In bay %(bay)s, %(a)s and %(b)s react with each other: move one of them away now."),
    "bay_unstated": _(
        "In bay %(bay)s, nobody has said what %(codes)s reacts with: move it to its own kind, or have the firm "
        "state it."
    ),
    "bay_stray": _("%(codes)s stands in bay %(bay)s, which is for %(admits)s: move it."),
    "bay_stray_hazard": _(
        "Waste with the hazard %(letters)s stands in bay %(bay)s, which is for %(hazards)s: move it."
    ),
    "bund_short": _("The bund of bay %(bay)s holds %(litres)s L; what stands there needs %(needed)s L: move some out."),
    "bay_over_mass": _("Bay %(bay)s holds %(mass_kg)s kg; its limit is %(limit_kg)s kg: move some out."),
    "bay_over_places": _("Bay %(bay)s holds %(count)s containers on %(limit)s places: move some out."),
    "bay_code_unusable": _(
        "A bay's code has letters, digits and hyphens, %(limit)s at most, and is not a number alone: A1."
    ),
    "bay_code_taken": _("This depot has a bay %(bay)s already."),
    "bay_place_unusable": _("The place on the plan is a whole number from 1 to %(limit)s."),
    "bay_place_half": _("A place on the plan has a row and a column."),
    "bay_place_taken": _("Bay %(bay)s lies there on the plan: choose another place."),
    "bay_capacity_unusable": _("The capacity is in kg, above 0 and at most %(limit)s, with at most three decimals."),
    "bay_places_unusable": _("The number of places is whole, at most %(limit)s; 0 closes the bay."),
    "bay_bund_unusable": _("The volume of the bund is in whole litres, at most %(limit)s."),
    "unknown_admitted": _("“%(value)s” is neither a waste code nor a category; write them like 900-249-08 or HW08."),
    "bay_not_empty": _("Drums stand in bay %(bay)s: move them first."),
    "bay_in_books": _("Drums have stood in bay %(bay)s: it stays in the books. To close it, give it 0 places."),
    "moved_since": _("Drum %(container)s was moved again after that: where it stands now is left as it is."),
    "has_parents": _("This drum came out of others: to void it would lose their waste."),
    "mass_disputed": _("The mass of this drum is not agreed on yet: settle that first."),
    "masses_differ": _("The new drums hold %(parts_kg)s kg, the old ones %(whole_kg)s kg: they must be the same."),
    "forms_differ": _("Solid and liquid waste cannot go into one drum."),
    "choose_waste_code": _("These drums hold different wastes: say which of their codes the new drum bears."),
    "parts_react": _("Drums %(container)s and %(other)s hold wastes that react: they must not be mixed."),
    "reaction_unknown": _(
        "Nobody has said with what drum %(container)s reacts: state it on its page before it is mixed."
    ),
    "too_few_parts": _("Name at least two."),
    "too_few_to_merge": _("Choose at least two drums to merge."),
    "several_depots": _("These drums stand in different depots."),
    "unknown_scan": _("No such scan, or somebody has seen to it already."),
    "already_seen": _("Somebody has seen to this scan already."),
    "device_unusable": _("The device's name is too long or has characters that cannot be printed."),
    "counted_unknown": _("No drum is known by this label: it is noted for the count."),
    "still_differs": _("The second weighing differs as well: the difference stays open for both sides."),
    "already_weighed_again": _("Drum %(container)s was weighed a second time already."),
    "cannot_undo": _("This cannot be undone any more: something else has happened since."),
    "nothing_to_undo": _("There is no scan of yours to undo."),
    "not_the_last": _("Only your last scan can be undone."),
    "too_late_to_undo": _("This scan is too long ago to be undone."),
    "not_on_a_manifest": _("No issued manifest of yours sends drum %(container)s. Make one first, then scan again."),
    "other_manifest": _("Drum %(container)s is on manifest %(manifest)s, not on this one. Leave it here."),
    "already_loaded": _("Drum %(container)s is on the vehicle already."),
    "already_departed": _("Manifest %(manifest)s has departed already."),
    "not_scanned": _(
        "No drum is scanned on. Scan the %(drums)s drums, or say that you compared every label with the list by eye."
    ),
    "not_all_loaded": _("%(missing)s drums of this manifest are not scanned onto the vehicle yet."),
    "plate_format": _(
        "“%(plate)s” is not a number plate: province, letter, then five or six letters and digits (never I or O), such "
        "as 浙D12345."
    ),
    "vehicle_expired": _(
        "The transport certificate of vehicle %(plate)s ended on %(day)s: take another vehicle, or have it renewed."
    ),
    "vehicle_overloaded": _(
        "Vehicle %(plate)s may carry %(limit)s kg; with what is on it already this would make %(mass_kg)s kg."
    ),
    "not_on_the_road": _("Manifest %(manifest)s is not on the road: there is nothing to show at the roadside."),
    "roadside_over": _("This look at a load is over: ask the driver for a new code."),
    "handed_to_self": _("You carry this load yourself: choose another carrier."),
    "vehicle_incompatible": _("Drums %(container)s and %(other)s hold wastes that react: not on one vehicle."),
    "vehicle_reaction_unknown": _(
        "Nobody has said with what drum %(container)s reacts: state it on its page, or send it without other wastes."
    ),
    "not_later": _("Drum %(container)s may stay as long already: an extension ends later."),
    "too_far": _("An extension ends within %(days)s days from now."),
    "stopped_by_device": _("The device stopped this scan without a connection: nothing was done."),
    "scan_accepted": _("Right."),
    "already_here": _("This drum is already in stock here."),
    "wrong_depot": _("This drum is on its way to another place."),
    "no_manifest": _("No manifest brings this drum here. Ask the sender to make one, then scan again."),
    "not_departed": _("Manifest %(manifest)s has not departed yet: ask the driver to depart first."),
    "not_here": _("This drum does not stand in this depot."),
    "treated": _("This drum is recorded as treated. Set it aside and ask who sent it."),
    "voided": _("This drum's label was voided. Set it aside: it needs a new label."),
    "emptied": _("This drum is recorded as emptied."),
    "was_missing": _("This drum is recorded as missing. Tell whoever counts the stock that it is here."),
    "is_a_bay": _("This is a bay's sign. Scan a drum."),
    "foreign_code": _("This code is not one of ours."),
    "not_a_code": _("This is not a drum's code. Scan the label again or type its short code."),
    "nonce_missing": _("A scan needs its nonce."),
    "nonce_unusable": _("This nonce is too long or has characters that cannot be printed."),
    "nonce_reused": _("This nonce was used for another scan."),
    "unknown_intent": _("No such scan mode."),
    "too_many_scans": _("Too many scans at once: %(limit)s at most."),
    "not_an_image": _("This file is not a picture, or it is damaged."),
    "image_too_large": _("This picture is too large a file."),
    "no_barcode": _("No code can be read in this photo. Come closer, hold still, and mind the light."),
    "several_barcodes": _("There is more than one code in this photo. Photograph one label alone."),
    "image_too_many_pixels": _("This picture has too many pixels."),
    # What a district decides
    "unknown_figure": _("There is no such figure that a district could set."),
    "figure_not_a_number": _("The figure is a number from 0 on, with at most three decimals."),
    "figure_too_large": _("The figure is too large: %(limit)s at most."),
    "figure_fixed": _("The law sets this figure: no district can set another."),
    "figure_not_tighter": _("%(district)s holds in your district: you can only be stricter."),
    "figure_not_looser": _("The law says %(rule)s: a district can only be stricter."),
    "source_missing": _("Say on what it rests: a document, a decision."),
    "unknown_group": _("There is no such reaction group."),
    "same_group": _("Choose two different groups."),
    "unknown_district": _("There is no such district."),
    "not_set_here": _("Your district has not set this itself."),
    # Counting
    "unknown_count": _("This depot has no such count."),
    "unknown_count_line": _("This count has no such line."),
    "count_running": _("Bay %(bay)s is being counted already: join in, or close that count first."),
    "no_count": _("Nobody is counting bay %(bay)s: begin to count it on the depot's board, then scan."),
    "count_over": _("This was scanned for a count of bay %(bay)s that is over: scan it again for this one."),
    "already_counted": _("This one is counted already."),
    "not_counted_yet": _("This bay is still being counted, or its count was called off: there is nothing to settle."),
    "differences_open": _("Some differences of this count are not settled yet."),
    "no_difference": _("This agrees with the books: there is nothing to settle."),
    "already_settled": _("This difference is settled already."),
    "unknown_way": _("A difference is settled as “moved”, “lost”, “seen”, “returned” or “noted”."),
    "wrong_way": _("This difference is not settled in this way."),
    "second_person_needed": _(
        "Who counted cannot also say that a drum is gone: somebody who neither began this count nor scanned in it must "
        "do it."
    ),
    "seen_since": _("The books know something newer of drum %(container)s than this count: look where it is now."),
    "not_seen": _(
        "Nobody has scanned drum %(container)s since the count. If it is there, scan it into its bay (“put away”), "
        "then say so here."
    ),
    "put_right_first": _("Drum %(container)s stands in this bay: let the books follow it."),
    "return_first": _("Drum %(container)s is recorded as missing and stands here: take it back into the books."),
    "not_missing": _("Drum %(container)s is not recorded as missing here: note what you found."),
    "missing_committed": _(
        "Drum %(container)s is on manifest %(manifest)s: call that manifest off, then record the drum as missing."
    ),
    "partly_treated_missing": _(
        "Part of drum %(container)s is treated already: record on its manifest what became of the rest."
    ),
    # Labels
    "no_codes": _("Say which drums."),
    "too_many_codes": _("Too many labels at once: %(limit)s at most."),
    "unknown_layout": _("The layout is “single” or “a4”."),
    "unknown_sign": _("A sign is of a bay, of the facility, or a plate."),
    "no_bays": _("This depot has no bays yet: enter them first."),
    "distance_out_of_range": _("The distance is a number of metres above 0 and at most %(limit)s."),
    # Manifests
    "unknown_manifest": _("No such manifest, or you may not see it."),
    "unknown_verb": _("A manifest has no such step."),
    "manifest_number": _("A manifest number has 14 digits: year, province, city, and six of the serial."),
    "list_missing": _("Choose the file first."),
    "list_empty": _("There is no manifest in this file."),
    "list_too_large": _("This file is too large: %(limit)s MB at most, and no more than a list holds once unpacked."),
    "list_wrong_type": _("This is not a list in .xlsx or .csv: export it again in one of these."),
    "list_unreadable": _("This file is damaged and cannot be read: export it again."),
    "list_too_many_rows": _("This list has too many rows: %(limit)s at most. Export a shorter time."),
    "list_column_missing": _("The column “%(column)s” is missing."),
    "list_column_twice": _("The column “%(column)s” is there twice."),
    "list_value": _("Row %(row)s, column “%(column)s”: “%(value)s” cannot be read."),
    "list_conflict": _("Rows %(other)s and %(row)s name the same number %(number)s, but other parties."),
    "list_unusable": _("This list cannot be used: %(problems)s of its cells cannot be read. Nothing was changed."),
    "not_issued": _("Manifest %(manifest)s is not issued yet: a draft has no national number."),
    "national_number_other_city": _(
        "This number begins with %(found)s; a manifest from this site begins with %(wanted)s. Look whether it belongs "
        "to another manifest."
    ),
    "national_number_taken": _("National number %(number)s is recorded with another manifest already."),
    "national_number_set": _(
        "%(number)s is recorded already: only sender and receiver can change it, and only until the manifest is closed."
    ),
    "no_lines": _("Name at least one drum."),
    "unknown_line": _("This drum is not on this manifest."),
    "duplicate_line": _("This drum is named twice."),
    "unknown_outcome": _("The outcome is “accepted” or “rejected”."),
    "reason_missing": _("Say why: a reason is needed here."),
    "unknown_difference": _("What differs is one of: %(choices)s."),
    "refused_more_than_sent": _("Only %(declared_kg)s kg were declared: more than arrived can't be refused."),
    "totals_differ": _("The drums add up to %(rows_kg)s kg: check this total, or the drums' masses."),
    "still_a_draft": _("Nobody has signed this draft: just edit it."),
    "nothing_signed": _("Only who has signed a part of this manifest may propose to change it."),
    "nothing_changes": _("Everything is as you say already: there is nothing to correct."),
    "correction_open": _("A correction is proposed and not settled yet: agree, decline or withdraw it first."),
    "correction_over": _("That proposal is no longer open: look at the manifest again."),
    "correction_stale": _(
        "What it would change has changed since it was proposed, so the proposal is over. Look again, and propose anew."
    ),
    "own_proposal": _("You proposed this: the other parties agree or decline, you can only withdraw it."),
    "already_agreed": _("Your side has agreed already; others are still to."),
    "code_on_label": _(
        "The waste code is part of the number on the drum's label and can't be changed: refuse the drum, or log it "
        "anew under the right code."
    ),
    "gone_on": _("This drum has gone on under manifest %(manifest)s: say there what it is."),
    "not_received": _("This drum is not received yet."),
    "no_vehicle_yet": _("The load has not departed yet: no vehicle is signed for."),
    "time_after_next": _("By then the drum had left the store already, or was treated."),
    "line_already_received": _("Drum %(container)s was already received."),
    "line_not_accepted": _("Drum %(container)s was not accepted."),
    "not_at_site": _("Drum %(container)s stands at another of your sites: one manifest for each site."),
    "treated_in_part": _("Part of this drum has been treated already: it stays as it is until all of it is."),
    "partly_treated": _("Part of drum %(container)s has been treated already: it cannot be sent on."),
    "already_handed_over": _("This drum has been on the road: it cannot be voided."),
    "bay_incompatible": _("Bay %(bay)s holds waste that reacts with this drum: choose another."),
    "no_safe_bay": _("Every bay with room holds waste that reacts with this drum. Set it aside and make room."),
    "no_room": _("No bay here has room for this drum: send something on first."),
    "not_your_container": _("Drum %(container)s is not yours to send."),
    "several_sites": _("These drums stand at different sites: one manifest for each site."),
    "receiver_is_sender": _("Sender and receiver are the same."),
    "not_a_receiver": _("%(receiver)s is neither a collector nor a treatment plant."),
    "not_a_carrier": _("%(carrier)s is not a carrier."),
    "carrier_missing": _("Choose a carrier."),
    "carrier_permit_expired": _("%(carrier)s has no transport permit in force."),
    "permit_lacks_code": _("The permit of %(receiver)s does not cover %(waste_code)s: choose another receiver."),
    "permit_expired": _("The permit of %(receiver)s for %(waste_code)s has expired: choose another receiver."),
    "vehicle_missing": _("Say which vehicle."),
    "unknown_vehicle": _(
        "%(carrier)s has no vehicle “%(plate)s” here: read the plate again, or enter the vehicle first."
    ),
    "open_discrepancy": _("A difference in mass is not settled yet."),
    "not_treated": _("Not every accepted drum is recorded as treated."),
    "not_taken_back": _("Refused drums are not back at the sender yet."),
    "settle_out_of_range": _("This mass is far from both: weigh again, then state what the scale says."),
    "no_discrepancy": _("There is no open difference for this drum."),
    "already_stated": _("Your side has already stated its mass."),
    "settle_differs": _("The other side stated %(stated_kg)s kg. State the same, or talk to them first."),
    "not_a_treater": _("The receiver is not a treatment plant."),
    "treated_too_much": _(
        "Of drum %(container)s only %(left_kg)s kg are not treated yet: more can't be treated, nor taken off its mass."
    ),
    "nothing_treated": _(
        "Nothing of it is treated yet: there is a certificate once the plant has recorded a treatment."
    ),
    "unknown_certificate": _(
        "The records do not say what a certificate of this number says. They have been corrected since, or it is not "
        "genuine: ask the plant for a new one."
    ),
    "too_little_for_parts": _(
        "Drum %(container)s went into %(parts)s others: it can't have weighed less than a gram for each. Check the "
        "mass."
    ),
    "unknown_method": _("No such treatment method."),
    "method_not_final": _("Collection is no treatment: choose how the waste ended."),
    # At the counter
    "unknown_walk_in": _("No such drums at the counter, or you may not see them."),
    "unknown_firm": _("No firm of this district by this name or credit code that could sign for itself."),
    "no_walk_ins_here": _("Nobody else's waste may be taken in here: it is a firm's own storage point."),
    "firm_has_no_store": _("%(firm)s has no storage point on record at this site: it must enter one first."),
    "firm_missing": _("Choose the firm first: by name, by credit code, or by one of its drums."),
    "not_for_counter": _("This drum cannot be brought in without a manifest. Set it aside and ask whoever brings it."),
    "not_the_firms": _("Drum %(container)s is not one of %(firm)s."),
    "already_at_counter": _("Drum %(container)s waits at a counter already for the firm to confirm it."),
    "walk_in_too_heavy": _(
        "%(mass_kg)s kg is more than a firm may bring itself (%(limit)s kg): a carrier must bring it, with a manifest."
    ),
    "walk_in_expired": _("Nobody confirmed this in time. Weigh the drums again and start anew."),
    "walk_in_stale": _("Whoever weighed these drums no longer works for the depot: start anew."),
    # Collections and rounds
    "unknown_collection": _("No such collection, or you may not see it."),
    "unknown_round": _("No such round, or you may not see it."),
    "unknown_stop": _("This round has no such stop."),
    "depot_not_near": _("Choose a depot of your city that takes other firms' waste."),
    "already_asked": _("Drum %(container)s waits to be fetched already."),
    "no_stops": _("A round needs at least one stop."),
    "duplicate_stop": _("A stop is named twice."),
    "request_not_waiting": _("%(firm)s no longer waits to be fetched from, or not by this depot."),
    "date_in_past": _("This day is over: choose today or a later one."),
    "carrier_has_no_vehicle": _("%(carrier)s has no vehicle “%(plate)s” on record."),
    "round_not_under_way": _("The round has not been started: start it first."),
    "round_over": _(
        "The round is finished and this stop waits for another one. Nothing was recorded: call the depot, "
        "it plans the firm anew, and both sign again."
    ),
    "stop_settled": _("The stop at %(firm)s is settled already."),
    "stop_changed": _("Something here has changed since both saw it. Open the round anew, then both sign again."),
    "seal_broken": _("The signatures could not be read here. Nothing was recorded: both sign again."),
    # Alerts and ledger
    "unknown_filing": _("No such filing, or you may not see it."),
    "unknown_kind_of_filing": _("What is filed is a plan or a declaration."),
    "unknown_period": _(
        "No such period: write 2026, for a quarter 2026-Q4, for a month 2026-11; a plan is for a year."
    ),
    "filed_too_early": _("It can be filed from %(day)s on: this day is before that."),
    "already_filed": _("You have recorded this one before."),
    "filing_withdrawn": _("This one has been withdrawn already."),
    "unknown_alert": _("No such alert, or you may not see it."),
    "alert_closed": _("This alert is no longer open: there is nothing to acknowledge."),
    "unknown_kind": _("There is no such kind of alert."),
    "unknown_severity": _("An alert is an alarm, a warning or a notice."),
    # Mails, webhooks, private links
    "unknown_choice": _("This is none of the ways to be told."),
    "last_to_be_told": _(
        "Nobody else of your organisation would be told by mail when something is overdue that the law asks for. "
        "Choose once a day at least, or have another administrator told first."
    ),
    "not_an_address": _("This is not a mail address."),
    "addresses_differ": _("The two addresses are not the same."),
    "mail_off": _("This site sends no mail. Ask whoever runs it."),
    "confirmation_over": _(
        "This link was used, is too old, or is not the last one. Ask for another on the page of your notices."
    ),
    "unknown_webhook": _("No such webhook, or you may not see it."),
    "unknown_entry_kind": _("No entry is of this kind. Write kinds like alert.* or manifest.receive."),
    "too_many_webhooks": _("An organisation has %(limit)s webhooks at most."),
    "own_members_only": _("Webhooks are kept by the organisation's own members: one would outlast your acting for it."),
    "webhook_paused": _("This webhook is paused: resume it first."),
    "webhook_not_paused": _("This webhook is not paused."),
    "unknown_index": _("Nothing has been delivered from there yet: give the index of an entry that was."),
    "url_unusable": _("Give a whole address: https://, a host, a path, and no user, no password, no #."),
    "url_too_long": _("This address is too long: %(limit)s characters at most."),
    "url_not_https": _("The address must begin with https://."),
    "url_private": _("This address lies inside a network; give one on the open internet."),
    "no_checkpoint": _("Nothing has been sealed yet."),
    "unknown_entry": _("No such entry, or you may not see it."),
    "sizes_out_of_order": _("The sizes must be in order and not beyond the log."),
}


STATES: dict[str, Any] = {
    "waiting": _("Waiting for the firm"),
    "confirmed": _("Confirmed"),
    "declined": _("Declined"),
    "expired": _("Expired"),
    "draft": _("Draft"),
    "issued": _("Issued"),
    "in_transit": _("On the road"),
    "delivered": _("Delivered"),
    "received": _("Received"),
    "partly_received": _("Partly received"),
    "rejected": _("Rejected"),
    "closed": _("Closed"),
    "cancelled": _("Cancelled"),
    "logged": _("Logged"),
    "stored": _("Stored"),
    "committed": _("On a manifest"),
    "treated": _("Treated"),
    "emptied": _("Emptied"),
    "missing": _("Missing"),
    "voided": _("Voided"),
    "counting": _("Counting"),
    "counted": _("To be settled"),
    "settled": _("Settled"),
    "dropped": _("Called off"),
}
"""A state as a sentence names it, whatever it is a state of."""


class _Blank(dict[str, Any]):
    def __missing__(self, key: str) -> str:
        return "—"


def listed(words: Iterable[str]) -> str:
    """One after the other as the active language lists them."""
    return pgettext("between codes", ", ").join(words)


def sentence(code: str, params: Mapping[str, Any] | None = None) -> str:
    """The sentence for a code in the active language; a code without one is shown as itself."""
    text = SENTENCES.get(code)
    if text is None:
        return code
    words = _Blank(params or {})
    if "state" in words:
        words["state"] = STATES.get(words["state"], words["state"])
    return str(text) % words
