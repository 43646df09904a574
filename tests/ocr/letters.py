"""English texts of known kind and tone, written for the tests."""

COVER_LETTER = """Dear Hiring Manager,

I am writing to apply for the position of Marketing Manager at Brightline Studio. For the past six
years I have led campaigns for consumer brands, most recently at Harlow & Finch, where my team
doubled the number of qualified leads within eighteen months. I enjoy working with designers and
analysts alike, and I am proud of the loyal community we built around our products.

Your recent launch of a sustainable stationery line impressed me a great deal. I would be glad to
bring my experience with social media and market research to your company. My resume is enclosed
for your review. Thank you for your time and consideration.

Sincerely,
Mary Clarke"""

COMPLAINT = """Dear Sir or Madam,

I am writing to complain about the washing machine that I bought from your store on 3 March. It
stopped working after two weeks and flooded my kitchen. Your technician failed to appear twice, and
nobody has answered my calls since. I am extremely disappointed with this awful service. I demand a
full refund of $549 and compensation for the damaged floor within fourteen days.

Yours faithfully,
Paul Jones"""

LEASE = """This Lease Agreement is made on 1 May between John Miller (the Landlord) and Ann Lee (the
Tenant). The Landlord lets to the Tenant the apartment at 12 Oak Street for a term of twelve months.
The Tenant shall pay a monthly rent of $1,200 on the first day of each month. A deposit of $1,200 is
held against damage. The Tenant shall keep the premises clean and shall not sublet them without
written consent. Either party may end this agreement with sixty days of written notice."""

RECIPE = """Ingredients: 200 g flour, 100 g butter, 3 eggs, 150 g sugar and a pinch of salt. Preheat
the oven to 180 degrees. Beat the butter with the sugar until it is light. Add the eggs one by one.
Fold in the flour and the salt. Pour the batter into a greased tin and bake it for forty minutes.
Let the cake cool before you cut it."""

GERMAN = """Sehr geehrte Damen und Herren, hiermit bewerbe ich mich um die Stelle als Buchhalter in
Ihrem Unternehmen. Ich habe zehn Jahre Erfahrung."""
